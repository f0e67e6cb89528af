/* Which universes threads are still in. Helper. */
#include "patches.h"

/* The universe that this slot keeps alive; ~0 when its thread is outside. */
static uint64_t universe_of(slot_t *slot)
{
  const uint64_t none = ~0UL;
  struct ulp_tls tls;
  if (in_limbo(slot)) {
    uint64_t word, sp = slot->saved_sp;
    uint32_t universe = slot->junk_universe;
    if (slot->junk_sp == 0 || !peek(sp, &word, sizeof word) ||
        word != slot_code(slot) + ULP_SLOT_RETURN)
      return none;
    return universe == ULP_UNIVERSE_OUTSIDE ? 0 : universe;
  }
  /* The block may be gone with its thread, or belong to another library by now. */
  if (!peek(slot->tls, &tls, sizeof tls) || tls.code != slot_code(slot) || tls.sp == 0)
    return none;
  return tls.universe == ULP_UNIVERSE_OUTSIDE ? 0 : tls.universe; /* between E1 and E2: unknown */
}

static uint32_t load(volatile uint32_t *word)
{
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

uint64_t oldest_universe(void)
{
  if (!barrier_memory() || __atomic_load_n(&ulp_control_block.slots_exhausted, __ATOMIC_SEQ_CST))
    return 0; /* threads may be pinned that no slot tells of */
  uint64_t oldest = universe_now();
  uint32_t ended = load(&ulp_moves_ended), begun = load(&ulp_moves_begun);
  for (uint32_t word = 0; word < ULP_SLOT_COUNT / 64; word++)
    for (uint64_t taken = ulp_slot_map[word]; taken; taken &= taken - 1) {
      uint64_t universe =
          universe_of(&__ulp_slot_records[word * 64 + (uint32_t)__builtin_ctzl(taken)]);
      if (universe < oldest)
        oldest = universe;
    }
  /* A call that moved from one slot to another meanwhile may have been seen in neither. */
  return begun == ended && begun == load(&ulp_moves_begun) ? oldest : 0;
}
