/* Writing code: text.c. */
#ifndef ULP_TEXT_H
#define ULP_TEXT_H

#include "runtime.h"

struct text {
  int fd; /* -1: by the protection of the page */
};

ULP_HIDDEN bool text_open(struct text *text);
ULP_HIDDEN void text_close(struct text *text);
/*
 * Written and read back. One byte is one store; more are not, and must not be executed meanwhile.
 */
ULP_HIDDEN bool text_write(const struct text *text, uint64_t address, const void *bytes,
                           size_t size);
ULP_HIDDEN bool text_write_byte(const struct text *text, uint64_t address, uint8_t byte);

#endif
