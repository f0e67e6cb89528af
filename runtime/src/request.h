/* A request of a tool, checked: request.c. */
#ifndef ULP_REQUEST_H
#define ULP_REQUEST_H

#include "runtime.h"
#include "text.h"

struct request {
  struct ulp_request header;
  const struct ulp_request_target *targets;
  const struct ulp_request_function *functions;
  const uint8_t (*dependencies)[ULP_PATCH_ID_SIZE];
  const char *path;
};

/* Notes the message for the tool and gives `result`. */
ULP_HIDDEN uint32_t fail(uint32_t result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The last moment at which the tool can call it off. ULP_RESULT_OK: go on, and do not look back. */
ULP_HIDDEN uint32_t commit(void);

/* ---- patches.c */
ULP_HIDDEN uint32_t patch_apply(const struct request *request, struct text *text);
ULP_HIDDEN uint32_t patch_revert(const struct request *request, struct text *text);
/* What a helper that did not live on (this is a child of fork) had begun. */
ULP_HIDDEN void patches_recover(void);

#endif
