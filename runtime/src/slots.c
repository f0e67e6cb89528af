/*
 * Return slots: who owns which, and what becomes of one whose call never returns. All of it is
 * entry code: any thread, any moment, signal handlers included.
 *
 *   state   owner's tls->code   record's tls   meaning
 *   free    -                   -              bit in the map clear
 *   used    the slot            the owner      in use, or waiting for the next outermost call
 *   limbo   another             its own junk   the call was left by a jump or parked by
 *                                              swapcontext: its frame may still live and return,
 *                                              which clears junk only. Reused when proven dead.
 *   held    another             its own junk   the same, but not to be reused: another thread is
 *                                              taking the call over, or its word tells nothing
 *                                              (context.c)
 *   orphan  -                   its own junk   its thread has ended, its frame may live: on no list
 *   late    as used             as used        taken by a thread that had given its slots back: by
 *                                              a handler, or a destructor behind ours. Others take
 *                                              it when that thread is gone
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

static slot_t *slot_take(void)
{
  enum { WORDS = ULP_SLOT_COUNT / 64 };
  uint32_t first = hint;
  for (uint32_t i = 0; i < WORDS; i++) {
    uint32_t word = (first + i) % WORDS;
    for (uint64_t taken; (taken = ulp_slot_map[word]) != ~0UL;) {
      int bit = __builtin_ctzl(~taken);
      uint64_t before = __atomic_fetch_or(&ulp_slot_map[word], 1UL << bit, __ATOMIC_ACQ_REL);
      if (!(before >> bit & 1)) {
        hint = word;
        return &__ulp_slot_records[word * 64 + (uint32_t)bit];
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
 * A tail call out of one library into another makes the word the return point of the second one's slot, whose record
 * then holds the return point of the first one's slot, and so on. A chain that is alive has a slot once at most.
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

bool leads_to(uint64_t word, slot_t *slot)
{
  return return_place(&word, slot) != NULL;
}

bool frame_is_dead(slot_t *slot, uint64_t sp)
{
  uint64_t word;
  return !peek(sp, &word, sizeof word) || !leads_to(word, slot);
}

/*
 * Into limbo and out of it, as universe_of() reads it: `moves` first, and the new place is complete
 * before the record leads there and before the old one is cleared.
 */
static void slot_moves(slot_t *slot)
{
  __atomic_fetch_add(&slot->moves, 1, __ATOMIC_SEQ_CST);
}

void slot_suspend(slot_t *slot, tls_t *tls, uint32_t state)
{
  slot_moves(slot);
  if (slot->state == ULP_SLOT_LATE)
    slots_late_add(-1);
  slot->saved_sp = tls->sp;
  slot->junk_sp = 1;
  slot->junk_universe = tls->universe;
  slot->state = state;
  slot->tls = (uint64_t)junk_of(slot); /* a late return clears junk */
  forget_slot(tls);
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

void claim_abandon(tls_t *tls, bool certainly_dead)
{
  const uint64_t before = signals_block();
  if (has_claim(tls)) { /* a handler may have been here first */
    slot_t *slot = slot_at(tls->code);
    if (certainly_dead || frame_is_dead(slot, tls->sp))
      leave(tls);
    else
      slot_suspend(slot, tls, ULP_SLOT_LIMBO);
    __atomic_fetch_add(&ulp_control_block.claims_healed, 1, __ATOMIC_RELAXED);
  }
  signals_restore(before);
}

bool limbo_is_over(slot_t *slot)
{
  return slot->junk_sp == 0 || frame_is_dead(slot, slot->saved_sp);
}

void slot_idle(slot_t *slot)
{
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
    if (in_limbo(slot) && limbo_is_over(slot) && slot_change(slot, ULP_SLOT_LIMBO, ULP_SLOT_USED))
      return slot;
  }
  return NULL;
}

static slot_t *slot_new(void)
{
  slot_t *slot = slot_take_late();
  if (!slot && !(slot = slot_take()))
    return NULL;
  slot->tid = thread_id();
  if (ulp_thread.ends && slot->tid != 0) {
    slots_late_add(1);
    slot->state = ULP_SLOT_LATE;
  } else
    slot->state = ULP_SLOT_USED;
  slot->next = ulp_thread.slots ? (uint32_t)(ulp_thread.slots - __ulp_slot_records) + 1 : 0;
  ulp_thread.slots = slot;
  thread_notice();
  return slot;
}

slot_t *slot_assign(tls_t *tls, uint64_t library)
{
  slot_t *slot = slot_reuse(tls);
  if (!slot && !(slot = slot_new()))
    return NULL;
  slot->tls = (uint64_t)tls;
  slot->library = library;
  slot->junk_sp = 1;
  tls->library = library;
  tls->code = slot_code(slot);
  tls->low = 0;
  tls->high = ~0UL;
  return slot;
}

void claim_pin(tls_t *tls, uint32_t universe)
{
  tls->universe = universe;
  tls->sp = ULP_SP_PINNED;
}

/*
 * The thread ends; low to high is its stack. A call in limbo whose frame lies on another stack may
 * still return: its slot becomes an orphan, which unpark() gives back when the call goes on in
 * another thread.
 */
void slot_give_back(slot_t *slot, uint64_t low, uint64_t high)
{
  for (;;) {
    uint32_t state = slot->state;
    bool dead = state == ULP_SLOT_USED || state == ULP_SLOT_LATE || slot->junk_sp == 0 ||
                (slot->saved_sp >= low && slot->saved_sp < high);
    if (state == ULP_SLOT_HELD || !dead) {
      if (slot_change(slot, state, ULP_SLOT_ORPHAN))
        return;
    } else if (slot_change(slot, state, ULP_SLOT_USED)) {
      if (state == ULP_SLOT_LATE)
        slots_late_add(-1);
      slot_release(slot);
      return;
    }
  }
}

/* ---- parked calls that go on in another thread: context.c ---- */

volatile uint32_t ulp_moves_begun, ulp_moves_ended;

void slot_move_begin(slot_t *from)
{
  __atomic_fetch_add(&ulp_moves_begun, 1, __ATOMIC_SEQ_CST);
  slot_change(from, ULP_SLOT_LIMBO, ULP_SLOT_HELD); /* or it is an orphan */
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
  __atomic_fetch_add(&ulp_moves_ended, 1, __ATOMIC_SEQ_CST);
}

/* 0 < claim <= sp, at an entry at stack pointer sp. Is the recorded call gone? Then it is cleared. */
static bool claim_is_stale(tls_t *tls, uint64_t claim, uint64_t sp)
{
  uint64_t word;
  if (claim == sp) {
    /* A tail call, perhaps by way of other libraries; else the word holds a fresh return address. */
    if (leads_to(*(volatile uint64_t *)sp, slot_at(tls->code)))
      return false;
    claim_abandon(tls, true);
    return true;
  }
  if (on_alternate_stack(sp) && !on_alternate_stack(claim)) /* a handler above a call */
    return false;
  if (!peek(claim, &word, sizeof word)) { /* that stack is gone */
    claim_abandon(tls, true);
    return true;
  }
  /* The word itself proves nothing: a handler may have interrupted the entry or the exit. */
  if (same_stack(claim, sp)) {
    claim_abandon(tls, false);
    return true;
  }
  return false; /* another stack: a coroutine. Nested: safe, if late */
}

/*
 * The first entry of a thread, outside still: it can be seen before it claims. False when no slot
 * is left: the thread is inside from now on, in the universe of now, until it ends.
 */
static bool acquire(tls_t *tls, uint64_t library)
{
  const uint64_t before = signals_block();
  /* A handler may have been here first. */
  const bool outside = has_slot(tls) || slot_assign(tls, library);
  if (!outside) {
    pin_note(tls, library);
    claim_pin(tls, (uint32_t)universe_now());
  }
  signals_restore(before);
  return outside;
}

/* As .Lhelp in trm.S, for the call that has claimed the word at `claim`. */
static void help(tls_t *tls, uint64_t claim)
{
  uint32_t outside = ULP_UNIVERSE_OUTSIDE;
  if (!__atomic_compare_exchange_n(&tls->universe, &outside, (uint32_t)universe_now(), false,
                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return;
  ((volatile uint64_t *)claim)[-1] = tls->universe;
}

/*
 * Gives 1 when the thread is outside now and has a slot, 0 when it is inside. A handler that has come since trm.S has looked
 * may have made the thread's first entry.
 */
uint64_t ulp_special(tls_t *tls, uint64_t entry_sp, uint64_t library)
{
  const uint64_t claim = tls->sp;
  if (claim == 0)
    return has_slot(tls) || acquire(tls, library);
  if (claim != ULP_SP_PINNED && claim <= entry_sp && claim_is_stale(tls, claim, entry_sp))
    return has_slot(tls) || acquire(tls, library);
  help(tls, claim);
  return 0;
}

void claims_left_for(uint64_t target)
{
  uint64_t here = (uint64_t)__builtin_frame_address(0);
  /* -1: not asked yet, because it takes a system call, and most jumps leave no claim behind. */
  int leaves_alternate = -1;
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (in_limbo(slot) || tls->code != slot_code(slot))
      continue;
    uint64_t claim = tls->sp;
    if (!has_claim(tls))
      continue;
    if (leaves_alternate < 0)
      leaves_alternate = on_alternate_stack(here) && !on_alternate_stack(target);
    if (leaves_alternate && on_alternate_stack(claim)) {
      claim_abandon(tls, true); /* the kernel begins that stack anew, and the jump is seen here */
    } else if (leaves_alternate) {
      if (claim < target && same_stack(claim, target))
        claim_abandon(tls, false);
    } else if (here < claim && claim < target && same_stack(claim, target))
      claim_abandon(tls, false);
  }
}
