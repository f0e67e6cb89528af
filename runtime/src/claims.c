/* Which universes threads are still in. Helper. */
#include "patches.h"

enum { TURNS = 100 };

/* In junk_flags of an orphan; JUNK_HISTORY is another bit. */
enum { JUNK_DOUBTED = 2 };

static const uint64_t NONE = ~0UL;

static uint64_t known(uint32_t universe)
{
  return universe; /* 0 between E1 and E2: not known */
}

/* What a call in limbo keeps alive. */
static uint64_t universe_in_limbo(slot_t *slot)
{
  uint32_t universe = slot->junk_universe;
  if (limbo_is_over(slot))
    return NONE;
  return known(universe);
}

/* The block may be gone with its thread, or belong to another slot by now. */
static uint64_t universe_in_use(slot_t *slot, uint64_t owner)
{
  struct ulp_tls tls;
  if (!peek(owner, &tls, sizeof tls) || tls.code != slot_code(slot) || tls.sp == 0)
    return NONE;
  return known(tls.universe);
}

/*
 * The universe that this slot keeps alive; NONE when its thread is outside. Where a call is found
 * neither in use nor in limbo it may be on its way from the one to the other: then once more.
 */
static uint64_t universe_of(slot_t *slot)
{
  for (int turn = 0; turn < TURNS; turn++) {
    uint32_t moves = slot->moves;
    uint64_t owner = slot->tls;
    uint64_t universe =
        owner == (uint64_t)junk_of(slot) ? universe_in_limbo(slot) : universe_in_use(slot, owner);
    if (universe != NONE || (slot->tls == owner && slot->moves == moves))
      return universe;
  }
  return 0;
}

/* Looking through memory takes some milliseconds each time: so many of a request. */
enum { ORPHANS_AT_ONCE = 16 };
static int orphans_left;

/*
 * Its thread has ended, and its word does not lead to it. If nothing does, its call is over, but
 * for one that is just about to leave the slot, or that another thread copies at this moment. So
 * it must be so twice, in two requests.
 */
static bool orphan_is_over(slot_t *slot)
{
  if (limbo_is_over(slot))
    return true;
  if (word_at(slot->saved_sp, slot) == WORD_LEADS || orphans_left == 0)
    return false;
  orphans_left--;
  if (is_led_to_from_anywhere(slot))
    return false;
  const bool twice = slot->junk_flags == JUNK_DOUBTED;
  slot->junk_flags = JUNK_DOUBTED;
  return twice;
}

/*
 * A thread that left by the bare system call gave nothing back. What it was inside of is over:
 * nobody else runs on with its call, unless it was suspended.
 */
static void heal(slot_t *slot)
{
  struct ulp_tls tls;
  if (slot->state == ULP_SLOT_ORPHAN && thread_is_gone(slot->tid) && orphan_is_over(slot)) {
    slot_release(slot);
    return;
  }
  if (slot->state != ULP_SLOT_USED || !thread_is_gone(slot->tid))
    return;
  if (peek(slot->tls, &tls, sizeof tls) && tls.code == slot_code(slot) && tls.sp != 0)
    __atomic_fetch_add(&ulp_control_block.claims_healed, 1, __ATOMIC_RELAXED);
  slot_release(slot);
}

void claims_heal(void)
{
  orphans_left = ORPHANS_AT_ONCE;
  for (uint32_t word = 0; word < ULP_SLOT_COUNT / 64; word++)
    for (uint64_t taken = ulp_slot_map[word]; taken; taken &= taken - 1)
      heal(&__ulp_slot_records[word * 64 + (uint32_t)__builtin_ctzl(taken)]);
}

static uint32_t load(volatile uint32_t *word)
{
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

uint64_t oldest_universe(void)
{
  if (!barrier_memory())
    return 0;
  uint64_t oldest = oldest_pinned(universe_now());
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
