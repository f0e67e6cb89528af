/* Memory within 2 GB of a library: arena.c. */
#ifndef ULP_ARENA_H
#define ULP_ARENA_H

#include "runtime.h"

struct arena;

/* The library lies in [low, high). */
ULP_HIDDEN void *arena_code(struct arena **arenas, uint64_t low, uint64_t high, size_t size);
ULP_HIDDEN uint64_t *arena_pointer(struct arena **arenas, uint64_t low, uint64_t high);
ULP_HIDDEN void arena_free_code(struct arena *arenas, void *code, size_t size);
ULP_HIDDEN void arena_free_all(struct arena *arenas);
/* Does code of some arena lie here? Entry. */
ULP_HIDDEN bool arena_holds(uint64_t address);

#endif
