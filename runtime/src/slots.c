/*
 * Return slots: who owns which, and what becomes of one whose call never returns. All of it is
 * entry code: any thread, any moment, signal handlers included.
 *
 *   state   owner's tls->code   record's tls   meaning
 *   free    -                   -              bit in the map clear
 *   used    the slot            the owner      in use, or waiting for the next outermost call
 *   limbo   another             its own junk   parked by swapcontext: it returns later,
 *                                              which clears junk only. Reused when it has returned,
 *                                              or its stack is gone
 *   held    another             its own junk   the same, but not to be reused: another thread is
 *                                              taking the call over, or its word tells nothing
 *                                              (context.c)
 *   contested  none, or another  its own junk  one of several calls on stacks of which nobody knows
 *                                              which of them goes on (entry.c)
 *   orphan  -                   its own junk   its thread has ended, its frame may live: on no list
 *   late    as used             as used        taken by a thread that had given its slots back: by
 *                                              a handler, or a destructor behind ours. Others take
 *                                              it when that thread is gone
 *
 * An overwritten word of a stack never gives a slot back: a copy of it may come back as well.
 *
 * A slot never changes its thread. It changes hands with all signals blocked, so that neither a
 * handler nor a cancellation comes between; limbo, held and orphan, where two threads meet, change
 * by compare and exchange.
 */
#include "runtime.h"

#include <errno.h>

__thread struct thread ulp_thread;
volatile uint64_t ulp_slot_map[ULP_SLOT_COUNT / 64];
static volatile uint32_t hint; /* word of the map at which to look first */

volatile uint32_t ulp_slots_late;

volatile uint32_t ulp_moves_begun, ulp_moves_ended;

static void slots_late_add(int change)
{
  __atomic_fetch_add(&ulp_slots_late, (uint32_t)change, __ATOMIC_SEQ_CST);
}

/* Whose tids are meaningless: a child of vfork, or of a fork that no handler noticed. */
static bool is_other_process(void)
{
  return (uint32_t)raw_syscall(SYS_getpid) != ulp_control_block.pid;
}

static bool slot_change(slot_t *slot, uint32_t from, uint32_t to)
{
  return __atomic_compare_exchange_n(&slot->state, &from, to, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED);
}

uint32_t thread_id(void)
{
  return is_other_process() ? 0 : (uint32_t)raw_syscall(SYS_gettid);
}

bool thread_is_gone(uint32_t tid)
{
  return tid != 0 && !is_other_process() &&
         raw_syscall(SYS_tgkill, ulp_control_block.pid, tid, 0) == -ESRCH;
}

/* A late one whose thread is gone. */
static slot_t *slot_take_late(void)
{
  if (ulp_slots_late == 0)
    return NULL;
  for (uint32_t word = 0; word < ULP_SLOT_COUNT / 64; word++)
    for (uint64_t taken = ulp_slot_map[word]; taken; taken &= taken - 1) {
      slot_t *slot = &__ulp_slot_records[word * 64 + (uint32_t)__builtin_ctzl(taken)];
      if (slot->state == ULP_SLOT_LATE && thread_is_gone(slot->tid) &&
          slot_change(slot, ULP_SLOT_LATE, ULP_SLOT_FREE)) { /* not the old thread's any more */
        slots_late_add(-1);
        return slot;
      }
    }
  return NULL;
}

/* A bit of the map says that the record can be written, in a child of fork as well. */
static slot_t *slot_take(void)
{
  enum { WORDS = ULP_SLOT_COUNT / 64 };
  uint32_t first = hint;
  for (uint32_t i = 0; i < WORDS; i++) {
    uint32_t word = (first + i) % WORDS;
    for (uint64_t taken; (taken = ulp_slot_map[word]) != ~0UL;) {
      int bit = __builtin_ctzl(~taken);
      slot_t *slot = &__ulp_slot_records[word * 64 + (uint32_t)bit];
      if (!record_open(slot))
        return NULL; /* a limit on memory */
      uint64_t before = __atomic_fetch_or(&ulp_slot_map[word], 1UL << bit, __ATOMIC_ACQ_REL);
      if (!(before >> bit & 1)) {
        hint = word;
        return slot;
      }
    }
  }
  return NULL;
}

void slot_release(slot_t *slot)
{
  uint32_t k = (uint32_t)(slot - __ulp_slot_records);
  slot->state = ULP_SLOT_FREE;
  __atomic_fetch_and(&ulp_slot_map[k / 64], ~(1UL << (k % 64)), __ATOMIC_ACQ_REL);
  if (k / 64 < hint)
    hint = k / 64;
}

/*
 * A tail call out of one library into another makes the word the return point of the second
 * one's slot, whose record then holds the return point of the first one's slot, and so on. A
 * chain that is alive has a slot once at most.
 */
volatile uint64_t *return_place(volatile uint64_t *word, slot_t *slot)
{
  for (int links = 0; links < ULP_SLOT_COUNT; links++) {
    slot_t *at = slot_at(*word);
    if (!at || *word != slot_code(at) + ULP_SLOT_RETURN)
      return NULL;
    if (at == slot)
      return word;
    word = &at->ret;
  }
  return NULL;
}

/*
 * is_led_to() would find a return point that is left in a frame of ours, so none is left. For the
 * same reason nobody else copies words of stacks.
 */
enum word word_at(uint64_t address, slot_t *slot)
{
  volatile uint64_t word;
  if (!peek(address, (void *)&word, sizeof word))
    return WORD_GONE;
  const bool leads = return_place(&word, slot) != NULL;
  word = 0;
  return leads ? WORD_LEADS : WORD_OTHER;
}

void word_forget(uint64_t sp, slot_t *slot)
{
  volatile uint64_t *word = (volatile uint64_t *)sp;
  if (return_place(word, slot) == word)
    *word = 0;
}

/*
 * Into limbo and out of it, as universe_of() reads it: `moves` first, and the new place is complete
 * before the record leads there and before the old one is cleared.
 */
static void slot_moves(slot_t *slot)
{
  __atomic_fetch_add(&slot->moves, 1, __ATOMIC_SEQ_CST);
}

void slot_detach(slot_t *slot, tls_t *tls, uint32_t state)
{
  slot_moves(slot);
  if (slot->state == ULP_SLOT_LATE)
    slots_late_add(-1);
  slot->saved_sp = tls->sp;
  slot->junk_sp = tls->sp;
  slot->junk_universe = tls->universe;
  slot->state = state;
  slot->tls = (uint64_t)junk_of(slot); /* a late return clears junk */
}

void slot_suspend(slot_t *slot, tls_t *tls, uint32_t state)
{
  slot_detach(slot, tls, state);
  forget_slot(tls);
}

void slots_contest_parked(uint64_t library, uint32_t universe)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (slot->library == library && slot->junk_universe == universe && slot->junk_sp != 0)
      slot_change(slot, ULP_SLOT_LIMBO, ULP_SLOT_CONTESTED);
}

void slot_resume(slot_t *slot, tls_t *tls, uint64_t sp, uint32_t universe)
{
  slot_moves(slot);
  tls->sp = sp;
  tls->universe = universe;
  tls->code = slot_code(slot);
  slot->tls = (uint64_t)tls;
  slot->state = ULP_SLOT_USED;
}

bool limbo_is_over(slot_t *slot)
{
  return slot->junk_sp == 0 || word_at(slot->saved_sp, slot) == WORD_GONE;
}

void slot_idle(slot_t *slot)
{
  const uint32_t state = slot->state;
  if (state == ULP_SLOT_HELD || !slot_change(slot, state, ULP_SLOT_HELD))
    return; /* another thread has it, and takes its call over */
  if (state == ULP_SLOT_LATE)
    slots_late_add(-1);
  slot->junk_sp = 0;
  slot->tls = (uint64_t)junk_of(slot);
  slot->state = ULP_SLOT_LIMBO;
}

/*
 * Has its block been made anew, by a dlclose and a dlopen? Then nobody can be inside by way of it.
 */
static bool is_forsaken(slot_t *slot, tls_t *tls)
{
  return slot->state == ULP_SLOT_USED && slot->tls == (uint64_t)tls;
}

static slot_t *slot_reuse(tls_t *tls)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    if (is_forsaken(slot, tls))
      return slot;
    if (in_limbo(slot) && slot->junk_sp == 0 && slot_change(slot, ULP_SLOT_LIMBO, ULP_SLOT_USED))
      return slot;
  }
  return NULL;
}

/* One whose stack is gone: asked only when there is no other, because it takes a call for each. */
static slot_t *slot_reclaim(void)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (in_limbo(slot) && limbo_is_over(slot) && slot_change(slot, ULP_SLOT_LIMBO, ULP_SLOT_USED))
      return slot;
  return NULL;
}

static slot_t *slot_new(void)
{
  struct thread *me = &ulp_thread;
  slot_t *slot = slot_take_late();
  if (!slot && !(slot = slot_take()))
    return NULL;
  slot->tid = thread_id();
  if (me->ends && slot->tid != 0) {
    slots_late_add(1);
    slot->state = ULP_SLOT_LATE;
  } else
    slot->state = ULP_SLOT_USED;
  slot->next = me->slots ? (uint32_t)(me->slots - __ulp_slot_records) + 1 : 0;
  me->slots = slot;
  return slot;
}

/*
 * thread_notice() calls into libc, which may be live-patchable itself, or interposed by a
 * library that is: the block is inside meanwhile, so that those calls pass as nested. It is seen
 * by its slot before it reads the universe, as after E1.
 */
slot_t *slot_assign(tls_t *tls, uint64_t library)
{
  slot_t *slot = slot_reuse(tls);
  const bool is_new = !slot && (slot = slot_new());
  if (!slot && !(slot = slot_reclaim()))
    return NULL;
  slot->library = library;
  slot->junk_sp = 1;
  tls->library = library;
  tls->low = 0;
  tls->sp = is_new ? ULP_SP_PINNED : 0;
  tls->code = slot_code(slot);
  __atomic_store_n(&slot->tls, (uint64_t)tls, __ATOMIC_SEQ_CST);
  if (is_new) {
    tls->universe = (uint32_t)universe_now();
    thread_notice();
    leave(tls);
  }
  return slot;
}

/*
 * `tls` has a universe that other calls keep alive until now: this one does so from the end of the
 * hand-over on.
 */
slot_t *slot_contest(tls_t *tls, uint64_t library, uint64_t sp)
{
  slot_t *slot = slot_reuse(tls);
  if (!slot && !(slot = slot_new()) && !(slot = slot_reclaim()))
    return NULL;
  hand_over_begin();
  slot_moves(slot);
  if (slot->state == ULP_SLOT_LATE)
    slots_late_add(-1);
  slot->library = library;
  slot->saved_sp = sp;
  slot->junk_sp = sp;
  slot->junk_universe = tls->universe;
  slot->junk_flags = has_history(tls);
  slot->state = ULP_SLOT_CONTESTED;
  ulp_thread.contested = true;
  slot->tls = (uint64_t)junk_of(slot);
  hand_over_end();
  return slot;
}

/*
 * The thread ends, and with it its own stack. A call in limbo whose frame lies on another stack may
 * still return: its slot becomes an orphan, until it has returned (claims_heal) or goes on in
 * another thread (unpark).
 */
void slot_give_back(slot_t *slot, const struct stack *own)
{
  for (;;) {
    uint32_t state = slot->state;
    bool dead = state == ULP_SLOT_USED || state == ULP_SLOT_LATE || slot->junk_sp == 0 ||
                is_on(own, slot->saved_sp);
    if (state == ULP_SLOT_HELD || !dead) {
      if (slot_change(slot, state, ULP_SLOT_ORPHAN))
        return;
    } else if (slot_change(slot, state, ULP_SLOT_USED)) {
      if (is_on(own, slot->saved_sp))
        word_forget(slot->saved_sp, slot);
      if (state == ULP_SLOT_LATE)
        slots_late_add(-1);
      slot_release(slot);
      return;
    }
  }
}

/* ---- parked calls that go on in another thread: context.c ---- */

void slot_move_begin(slot_t *from)
{
  hand_over_begin();
  if (!slot_change(from, ULP_SLOT_LIMBO, ULP_SLOT_HELD)) /* or it is an orphan */
    slot_change(from, ULP_SLOT_CONTESTED, ULP_SLOT_HELD);
}

void slot_move_end(slot_t *from, slot_t *to)
{
  if (!to) {
    from->state = ULP_SLOT_ORPHAN;
  } else {
    from->junk_sp = 0;
    if (!slot_change(from, ULP_SLOT_HELD, ULP_SLOT_LIMBO))
      slot_release(from); /* an orphan: its thread has ended */
  }
  hand_over_end();
}
