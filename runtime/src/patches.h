/*
 * The model of what is patched, private to the helper.
 *
 *   library  a live-patchable library that has detours; pinned in memory while it has
 *   detour   a function with a changed entry
 *   layer    a patch's function for it, while the patch is applied; the stack of layers, top first
 *   version  what threads of a universe (or a newer one) run; newest first. A history: applying and
 *            reverting both add one, collecting takes the oldest away
 */
#ifndef ULP_PATCHES_H
#define ULP_PATCHES_H

#include "arena.h"
#include "runtime.h"
#include "text.h"

struct library {
  struct library *next;
  uint64_t descriptor; /* address of its ulp_library */
  int32_t tpoff;       /* of its ulp_tls */
  uint64_t low, high;
  void *pin; /* dlopen handle that keeps it loaded */
  struct arena *arenas;
};

/* Libraries in which a thread's universe must have reached a version's. */
struct scope {
  uint32_t count;
  struct library *libraries[ULP_LIMIT_TARGETS];
};

struct layer {
  struct layer *below;
  struct ulp_patch *patch;
  uint64_t code;
};

struct version {
  struct version *older;
  uint64_t universe;
  uint64_t code;           /* 0: the original function */
  struct ulp_patch *patch; /* whose code; NULL with the original */
  const struct scope *scope;
};

/* Code that lies in an arena of the library. */
struct stub {
  void *code; /* NULL: none */
  size_t size;
};

/* What a detour's entry leads to. */
enum form { AT_REST, SELECTOR, CHAIN };

struct detour {
  struct detour *next;
  struct library *library;
  uint64_t function; /* S */
  uint64_t entry;    /* E */
  struct layer *layers;
  struct version *versions;
  bool changed;     /* the code does not yet say what the versions say */
  bool was_changed; /* the same, before the newest version was added */

  enum form form, next_form;
  /* Both allocated once and kept, because the padding's bytes name them. */
  uint64_t *selector_pointer, *chain_pointer;
  /* What the selector's bytes select; code 0: they may be written. */
  uint64_t selected_code, selected_universe;
  uint64_t selector_left;      /* universe that began when the entry was led elsewhere */
  struct stub stub, next_stub; /* that chain_pointer leads to */
};

/* ---- patches.c */
/* Both ULP_LIMIT_PATCHES long, and read-only before the first request: request.c. */
extern ULP_HIDDEN struct ulp_patch *ulp_patch_table;
extern ULP_HIDDEN struct scope *ulp_patch_scopes;
ULP_HIDDEN bool patch_is_applied(const struct ulp_patch *patch);
ULP_HIDDEN struct ulp_patch *patch_applied(const uint8_t *id);

/* ---- claims.c */
/* Smallest universe that any thread is inside with; universe_now() when all are outside. */
ULP_HIDDEN uint64_t oldest_universe(void);
/* Gives back the return slots of threads that ended without doing so. */
ULP_HIDDEN void claims_heal(void);

/* ---- emit.c */
/*
 * Writes what the detour's versions need, as yet unreachable. False: no memory, or text not
 * writable.
 */
ULP_HIDDEN bool detour_prepare(struct detour *detour, const struct text *text);
/*
 * Makes it reachable: single bytes of code, or one pointer. What it led to before is still intact.
 */
ULP_HIDDEN bool detour_switch(struct detour *detour, const struct text *text);

/* ---- retire.c */
/* To be freed when no thread is inside with an older universe than this. */
ULP_HIDDEN void retire_stub(struct library *library, struct stub stub, uint64_t universe);
ULP_HIDDEN void retired_free(uint64_t oldest);
ULP_HIDDEN bool retired_any(const struct library *library);

/* ---- model.c */
extern ULP_HIDDEN struct library *ulp_libraries;
extern ULP_HIDDEN struct detour *ulp_detours;
/* Pinned; NULL: not loaded, or no memory. */
ULP_HIDDEN struct library *library_of(uint64_t descriptor);
ULP_HIDDEN struct detour *detour_of(struct library *library, uint64_t function, uint64_t entry);
ULP_HIDDEN bool version_add(struct detour *detour, uint64_t universe, uint64_t code,
                            struct ulp_patch *patch, const struct scope *scope);
ULP_HIDDEN bool layer_add(struct detour *detour, struct ulp_patch *patch, uint64_t code);
ULP_HIDDEN void layer_remove(struct detour *detour, const struct ulp_patch *patch);
ULP_HIDDEN void versions_drop(struct version *versions); /* this one and the older ones */
ULP_HIDDEN void libraries_release(void);                 /* those without any detour in use */

/* ---- collect.c */
/*
 * Frees what no thread can reach any more. Gives the number of reverted patches that stay for now.
 */
ULP_HIDDEN uint32_t collect(const struct text *text);

/* ---- publish.c */
/* Prepares and switches every changed detour, so that `universe` can be published. */
ULP_HIDDEN bool changes_prepare(const struct text *text);
ULP_HIDDEN bool changes_switch(const struct text *text, uint64_t universe);

#endif
