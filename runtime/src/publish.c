/*
 * Publication: how a change becomes visible to threads that run while it is made.
 *
 * No thread is stopped, so each of them may execute any of the bytes that change, at any time. Code
 * is therefore changed by single bytes, and data by single words: a thread sees the old value or
 * the new one, never a mixture. And everything new is put in place before it has an effect: a new
 * version carries a universe that no thread has yet, so the code that compares universes still
 * sends every thread to the old version. Then one store gives the new universe to all threads that
 * enter from now on. If the tool or the helper ends before that store, nothing has changed for any
 * thread.
 *
 * The order of the four steps is the whole argument:
 *
 *   1. prepare   stubs, selectors, pointers: nothing leads there yet
 *   2. switch    entry bytes and chain pointers: every new version carries a universe that no
 *                thread inside has, so every thread goes on as before
 *   3. barrier   from here on no core executes old bytes (SYNC_CORE)
 *   4. publish   one store of the universe: the commit. A thread that reads it at its entry (E2 in
 *                trm.S) executes the new bytes, because the barrier lies before the store
 */
#include "patches.h"

bool changes_prepare(const struct text *text)
{
  for (struct detour *detour = ulp_detours; detour; detour = detour->next)
    if (detour->changed && !detour_prepare(detour, text))
      return false;
  return true;
}

bool changes_switch(const struct text *text, uint64_t universe)
{
  copiers_look();
  for (struct detour *detour = ulp_detours; detour; detour = detour->next) {
    if (!detour->changed)
      continue;
    struct stub old = detour->stub;
    if (detour->form == SELECTOR && detour->next_form != SELECTOR)
      detour->selector_left = universe;
    detour->stub = (struct stub){NULL, 0};
    bool done = detour_switch(detour, text);
    retire_stub(detour->library, old, universe);
    if (!done)
      return false;
    detour->changed = false;
  }
  if (!barrier_code())
    return false;
  __atomic_store_n(&ulp_control_block.universe, universe, __ATOMIC_SEQ_CST);
  return true;
}
