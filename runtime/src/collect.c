/*
 * Collecting: what no thread can reach any more is freed. Helper.
 *
 * A thread that was inside of a library when a patch came keeps running the old functions until it
 * has left. So nothing old can be freed at once. The thread's claim holds the universe in which it
 * entered; oldest_universe() (claims.c) gives the smallest universe of all claims. It is a grace
 * period, as in RCU, by numbers. Freeing takes two of them:
 *
 *   1. When `oldest` has reached a version, no thread selects the older ones. They are dropped;
 *      when the version is the original function, the entry byte goes back to rest. This change is
 *      published with a new universe R.
 *   2. A thread may still stand in a stub or a selector of before R, or in code of a reverted
 *      patch. When `oldest` has reached R, none does: the stub is freed, the selector's bytes may
 *      be written anew, the patch is unloaded.
 *
 * A thread that stays inside delays this. The helper tries for some 10 ms; each later request of a
 * tool tries again.
 */
#include "patches.h"

#include <dlfcn.h>
#include <string.h>
#include <time.h>

enum { PASSES = 100, NAP_NS = 100 * 1000 };

/*
 * From which universe on a thread cannot be in the patch any more; 0: something leads there still.
 */
static uint64_t unreachable_since[ULP_LIMIT_PATCHES];

static const struct scope *scope_of(const struct ulp_patch *patch)
{
  return &ulp_patch_scopes[patch - ulp_patch_table];
}

static void settle(struct detour *detour, uint64_t oldest)
{
  struct version **link = &detour->versions;
  while (*link && (*link)->universe > oldest)
    link = &(*link)->older;
  struct version *settled = *link;
  if (!settled)
    return;
  if (settled->older) {
    versions_drop(settled->older);
    settled->older = NULL;
    detour->changed = true;
  }
  if (settled->code == 0) {
    versions_drop(settled);
    *link = NULL;
    detour->changed = true;
  } else if (settled->scope != scope_of(settled->patch)) {
    /* It came by the revert of another patch, which must not be kept for that. */
    settled->scope = scope_of(settled->patch);
    detour->changed = true;
  }
}

/* The selector's bytes may be written anew when no thread can stand in them any more. */
static void selector_reuse(struct detour *detour, uint64_t oldest)
{
  if (detour->form != SELECTOR && oldest >= detour->selector_left)
    detour->selected_code = 0;
}

static bool is_referenced(const struct ulp_patch *patch)
{
  for (const struct detour *detour = ulp_detours; detour; detour = detour->next) {
    if (detour->changed)
      return true;
    for (const struct version *version = detour->versions; version; version = version->older)
      if (version->patch == patch || version->scope == scope_of(patch))
        return true;
  }
  return false;
}

static void patches_unload(uint64_t oldest)
{
  for (uint32_t i = 0; i < ULP_LIMIT_PATCHES; i++) {
    struct ulp_patch *patch = &ulp_patch_table[i];
    if (patch->state != ULP_PATCH_LIVE || patch->reverted == 0 || is_referenced(patch))
      continue;
    if (unreachable_since[i] == 0)
      unreachable_since[i] = universe_now();
    if (oldest < unreachable_since[i])
      continue;
    unreachable_since[i] = 0;
    void *handle = (void *)patch->handle;
    __atomic_store_n(&patch->state, ULP_PATCH_FREE, __ATOMIC_SEQ_CST);
    memset(patch, 0, sizeof *patch);
    dlclose(handle);
  }
}

static uint32_t reverted_count(void)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < ULP_LIMIT_PATCHES; i++)
    count += ulp_patch_table[i].state == ULP_PATCH_LIVE && ulp_patch_table[i].reverted != 0;
  return count;
}

/* Is there anything that a later pass could free? */
static bool is_settled(void)
{
  if (reverted_count() != 0)
    return false;
  for (const struct detour *detour = ulp_detours; detour; detour = detour->next)
    if (detour->changed || (detour->versions && detour->versions->older) ||
        (detour->form != SELECTOR && detour->selected_code != 0))
      return false;
  for (const struct library *library = ulp_libraries; library; library = library->next)
    if (retired_any(library))
      return false;
  return true;
}

uint32_t collect(const struct text *text)
{
  claims_heal();
  for (int pass = 0; pass < PASSES; pass++) {
    uint64_t oldest = oldest_universe();
    retired_free(oldest);
    bool any = false;
    for (struct detour *detour = ulp_detours; detour; detour = detour->next) {
      selector_reuse(detour, oldest);
      settle(detour, oldest);
      any |= detour->changed;
    }
    if (any && (!changes_prepare(text) || !changes_switch(text, universe_now() + 1)))
      break;
    patches_unload(oldest);
    if (is_settled())
      break;
    const struct timespec nap = {0, NAP_NS};
    nanosleep(&nap, NULL);
  }
  libraries_release();
  return reverted_count();
}
