/*
 * What an entry does that its trampoline cannot decide by itself: a thread's first one, a tail
 * call, a claim whose call was left by a jump, and stacks of which a thread has more than one.
 *
 * A claim ends by proof only. Proof is: its slot was returned through; an unwinder, a longjmp or a
 * swapcontext that is seen here has passed it; its stack is gone; or nothing in memory leads to its
 * slot any more (copies.c). A word of a stack that was overwritten is no proof, because coroutines
 * copy stacks away and back. Addresses are compared within one stack only, whose bounds are known.
 *
 * Where a call may be suspended on another stack, the block is *contested* (ULP_SP_CONTESTED): its
 * universe stays, and every call that enters gets a slot of its own. Contested slots return to
 * their junk. When all of them have returned, the thread is outside.
 *
 *   state      sp         universe  code      an entry
 *   outside    0          0         its slot  claims
 *   inside     W          u         its slot  nested, if it is on the same stack and deeper
 *   contested  CONTESTED  u         0         gets a slot of its own
 *   pinned     PINNED     u         any       nested, always
 *
 * All of it runs with every signal blocked: entry code.
 */
#include "runtime.h"

/* What ulp_special answers; or an address in a slot. */
enum { NESTED = 0, OUTSIDE = 1 };

/* More contested calls than these, and their thread is pinned: it cannot use up the slots. */
enum { CONTESTED_MAX = 256 };

/* As .Lhelp in trm.S, for the call that has claimed the word at `claim`. */
static void help(tls_t *tls, uint64_t claim)
{
  uint32_t outside = ULP_UNIVERSE_OUTSIDE;
  if (!__atomic_compare_exchange_n(&tls->universe, &outside, (uint32_t)universe_now(), false,
                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return;
  ((volatile uint64_t *)claim)[-1] = tls->universe;
}

/* Has this thread contested calls that have not returned, in whichever library? */
static bool has_contested(void)
{
  if (ulp_thread.contested)
    for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
      if (slot->state == ULP_SLOT_CONTESTED && slot->junk_sp != 0)
        return true;
  return false;
}

/*
 * From now on trampolines compare addresses within this stack; on an unknown or an alternate one
 * they always ask. A trampoline that was interrupted between its comparison and E1 stays right:
 * what it claims is below the old `high`, and calls are compared with `low` anew.
 */
static void bound(tls_t *tls, const struct stack *stack)
{
  const bool compares = !ulp_copier && (stack->kind == STACK_OWN || stack->kind == STACK_COROUTINE);
  tls->low = compares ? stack->low : ~0UL;
  tls->high = compares && !has_contested() ? stack->high : 0;
}

static bool is_contested(slot_t *slot, uint64_t library)
{
  return slot->state == ULP_SLOT_CONTESTED && slot->library == library;
}

uint32_t contested_universe(uint64_t library)
{
  if (!ulp_thread.contested)
    return 0;
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (is_contested(slot, library) && slot->junk_sp != 0)
      return slot->junk_universe;
  return 0;
}

void block_rest(tls_t *tls, uint64_t library)
{
  const uint32_t pinned = pin_universe(tls), contested = contested_universe(library);
  if (pinned != 0) {
    claim_pin(tls, pinned, ULP_SP_CONTESTED);
  } else if (contested != 0) {
    tls->universe = contested;
    tls->sp = ULP_SP_CONTESTED;
  }
}

/*
 * Blocks whose contested calls have all returned are outside from now on. Before any other call of
 * this thread begins or goes on, because what it sees of a patch of several libraries depends on
 * them.
 */
static void contested_settle(void)
{
  if (!ulp_thread.contested)
    return;
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    if (slot->state != ULP_SLOT_CONTESTED || slot->junk_sp != 0)
      continue;
    slot_idle(slot);
    if (contested_universe(slot->library) != 0)
      continue;
    tls_t *tls = block_of_this_thread(slot->library);
    if (tls && tls->sp == ULP_SP_CONTESTED && pin_universe(tls) == 0)
      leave(tls);
  }
}

void blocks_rest(void)
{
  struct thread *me = &ulp_thread;
  contested_settle();
  for (slot_t *slot = me->slots; me->contested && slot; slot = slot_next(slot)) {
    if (slot->state != ULP_SLOT_CONTESTED || slot->junk_sp == 0)
      continue;
    tls_t *tls = block_of_this_thread(slot->library);
    if (tls && tls->sp == 0)
      block_rest(tls, slot->library);
  }
  if (me->pinned)
    pins_rest();
}

/*
 * Inside for good, in the universe of the claim. Its call may be in the middle of its entry or its
 * exit, so the block keeps the slot's code; the exit clears junk.
 */
static uint64_t claim_pinned(tls_t *tls, slot_t *slot, uint64_t library)
{
  help(tls, tls->sp);
  slot_detach(slot, tls, ULP_SLOT_LIMBO);
  pin(tls, library, tls->universe);
  return NESTED;
}

/* Is a call of this thread newer? */
static bool is_older_than_another(uint32_t universe)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (in_limbo(slot) ? slot->junk_sp != 0 && slot->junk_universe > universe
                       : tls->code == slot_code(slot) && has_claim(tls) && tls->universe > universe)
      return true;
  }
  return false;
}

static void pin_unless_of(slot_t *slot, uint32_t universe, const struct stack *here)
{
  tls_t *tls = in_limbo(slot) ? block_of_this_thread(slot->library) : (tls_t *)slot->tls;
  if (!tls || pin_universe(tls) != 0)
    return;
  if (has_claim(tls)) {
    if (is_on(here, tls->sp) && tls->code == slot_code(slot))
      return; /* it returns after what is called on this stack */
    help(tls, tls->sp);
    if (tls->universe < universe)
      claim_pinned(tls, slot_at(tls->code), slot->library);
  } else if (in_limbo(slot) && slot->junk_sp != 0 && slot->junk_universe != 0 &&
             slot->junk_universe < universe) {
    const uint32_t contested = contested_universe(slot->library);
    if (contested != 0)
      pin(tls, slot->library, contested);
    else if (!is_older_than_another(slot->junk_universe))
      pin(tls, slot->library, slot->junk_universe);
  }
}

/*
 * A call in `universe` begins on a stack of which nobody knows how long it is run on. A patch of
 * several libraries is seen only where the thread's universe is new enough in all of them. So what
 * is older, and may be over before that call is, must not become newer: it is pinned. Of what is
 * parked, the block says "outside" now, and calls that are newer may have seen that already: to
 * them it stays so.
 */
static void pin_older(uint32_t universe, const struct stack *here)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    pin_unless_of(slot, universe, here);
}

/* Every outermost entry of this thread asks. */
static void ask_everywhere(void)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (!in_limbo(slot) && tls->code == slot_code(slot))
      tls->high = 0;
  }
}

/*
 * The call that the block claims goes on without it, in a slot of its own. What is parked in the
 * same universe is contested from now on as well: park() in context.c.
 */
void claim_contest(tls_t *tls, slot_t *slot)
{
  static const struct stack nowhere;
  const uint64_t library = slot->library;
  help(tls, tls->sp);
  const uint32_t universe = tls->universe;
  ulp_thread.contested = true;
  ask_everywhere();
  slots_contest_parked(slot->library, universe);
  slot_suspend(slot, tls, ULP_SLOT_CONTESTED);
  tls->universe = universe;
  tls->sp = ULP_SP_CONTESTED;
  pin_older(universe, &nowhere);
  if (is_older_than_another(universe))
    pin(tls, library, universe);
}

/* Every slot is in use, or too many are this thread's: it is inside for good. */
static uint64_t without_slot(tls_t *tls, uint64_t library, uint32_t universe)
{
  pin_uncounted(tls, library, universe);
  return NESTED;
}

/*
 * The first of several calls, each of which gets a slot of its own. It is seen before it reads the
 * universe, as after E1.
 */
static uint64_t enter_counted(tls_t *tls, uint64_t sp, uint64_t library)
{
  slot_t *slot = slot_contest(tls, library, sp);
  if (!slot)
    return without_slot(tls, library, 0);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  tls->universe = slot->junk_universe = (uint32_t)universe_now();
  tls->sp = ULP_SP_CONTESTED;
  tls->low = ~0UL;
  tls->high = 0;
  thread_notice();
  return slot_code(slot) + ULP_SLOT_CLAIMED;
}

static uint64_t outside(tls_t *tls, uint64_t sp, uint64_t library)
{
  struct stack stack;
  stack_of(sp, &stack);
  contested_settle();
  if (ulp_thread.slots && (stack.kind == STACK_UNKNOWN || has_contested()))
    pin_older((uint32_t)universe_now(), &stack);
  block_rest(tls, library);
  if (tls->sp == ULP_SP_CONTESTED || tls->sp == ULP_SP_PINNED)
    return ulp_special_blocked(tls, sp, library);
  if (copier_is_loaded(!has_history(tls)) && !has_history(tls))
    return enter_counted(tls, sp, library);
  if (!has_slot(tls) && !slot_assign(tls, library))
    return without_slot(tls, library, 0);
  bound(tls, &stack);
  return OUTSIDE;
}

/*
 * Has a jump that nobody saw passed this call? It lies at `claim`, on the stack on which an
 * entry is made at `sp` now, that is not above it. Costs too much to be tried at every entry:
 * the longer it was in vain, the more seldom.
 */
static bool was_jumped_over(slot_t *slot, uint64_t claim, uint64_t sp, const struct stack *stack)
{
  struct thread *me = &ulp_thread;
  if (sp < claim || (sp == claim && return_place((volatile uint64_t *)sp, slot)))
    return false;
  if (me->doubts++ < me->doubts_until)
    return false;
  const bool is_over = !is_led_to(slot, stack->low, sp);
  me->doubts = 0;
  me->doubts_until = is_over ? 0 : me->doubts_until < 1 << 16 ? 2 * me->doubts_until + 1 : 1 << 16;
  if (is_over) {
    word_forget(claim, slot); /* below us; whoever has the slot later would find it */
    __atomic_fetch_add(&ulp_control_block.claims_healed, 1, __ATOMIC_RELAXED);
  }
  return is_over;
}

/* A contested call whose end is proven gives its slot back to the thread. */
static bool contested_is_over(slot_t *slot, uint64_t sp, const struct stack *stack)
{
  if (slot->junk_sp == 0)
    return true;
  if (is_on(stack, slot->saved_sp))
    return was_jumped_over(slot, slot->saved_sp, sp, stack);
  return word_at(slot->saved_sp, slot) == WORD_GONE;
}

static uint64_t enter_contested(tls_t *tls, uint64_t sp, uint64_t library)
{
  struct stack stack;
  int live = 0;
  stack_of(sp, &stack);
  contested_settle();
  if (tls->sp == 0)
    return outside(tls, sp, library);
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    if (!is_contested(slot, library))
      continue;
    if (slot->junk_sp != 0 && slot->saved_sp == sp && return_place((volatile uint64_t *)sp, slot))
      return NESTED; /* a tail call: this word is its return already */
    if (contested_is_over(slot, sp, &stack))
      slot_idle(slot);
    else
      live++;
  }
  if (live == 0 && pin_universe(tls) == 0) {
    leave(tls);
    return outside(tls, sp, library);
  }
  slot_t *slot = live < CONTESTED_MAX ? slot_contest(tls, library, sp) : NULL;
  return slot ? slot_code(slot) + ULP_SLOT_CLAIMED : without_slot(tls, library, tls->universe);
}

/*
 * The thread is inside by way of a claim, and this is an entry that its trampoline did not
 * decide.
 */
static uint64_t enter_claimed(tls_t *tls, uint64_t claim, uint64_t sp, uint64_t library)
{
  struct stack stack, claimed;
  slot_t *slot = slot_at(tls->code);
  if (claim == sp && return_place((volatile uint64_t *)sp, slot)) {
    help(tls, claim);
    return NESTED; /* a tail call, perhaps by way of other libraries */
  }
  stack_of(sp, &stack);
  stack_of(claim, &claimed);
  if (stack.kind == STACK_ALTERNATE && claimed.kind != STACK_ALTERNATE) {
    help(tls, claim);
    return NESTED; /* a handler above the call */
  }
  const bool same = is_on(&stack, claim);
  if (same && sp < claim) {
    bound(tls, &stack);
    help(tls, claim);
    return NESTED;
  }
  const enum word word = word_at(claim, slot);
  if (word == WORD_GONE || (same && was_jumped_over(slot, claim, sp, &stack))) {
    leave(tls);
    return outside(tls, sp, library);
  }
  /*
   * On another stack. A word that does not lead to the slot may be in the middle of its entry or
   * its exit, below a handler, or be that of a call which a jump left. The two cannot be told
   * apart.
   */
  if (!same && word != WORD_LEADS)
    return claim_pinned(tls, slot, library);
  claim_contest(tls, slot);
  return ulp_special_blocked(tls, sp, library);
}

uint64_t ulp_special_blocked(tls_t *tls, uint64_t sp, uint64_t library)
{
  uint64_t claim = tls->sp;
  /* Calls that were not counted may be in a copy of a stack. */
  if (ulp_copier && has_history(tls) && (has_claim(tls) || pin_universe(tls) == 0)) {
    ulp_thread.uncounted = true;
    if (has_claim(tls))
      return claim_pinned(tls, slot_at(tls->code), library);
    pin(tls, library, tls->universe);
    claim = tls->sp;
  }
  if (claim == 0)
    return outside(tls, sp, library);
  if (claim == ULP_SP_CONTESTED)
    return enter_contested(tls, sp, library);
  if (claim == ULP_SP_PINNED) {
    tls->low = 0;
    return NESTED;
  }
  return enter_claimed(tls, claim, sp, library);
}

uint64_t ulp_special(tls_t *tls, uint64_t entry_sp, uint64_t library)
{
  const uint64_t before = signals_block();
  const uint64_t answer = ulp_special_blocked(tls, entry_sp, library);
  signals_restore(before);
  return answer;
}

void claim_jumped(tls_t *tls, slot_t *slot, uint64_t sp, const struct stack *stack)
{
  if (was_jumped_over(slot, tls->sp, sp, stack))
    leave(tls);
  else
    claim_contest(tls, slot);
}

/* Does a jump from `here` to `target`, which is seen, pass the frame at `claim`? */
static bool is_passed(uint64_t claim, uint64_t here, uint64_t target, const struct stack *to,
                      bool leaves_alternate)
{
  if (leaves_alternate && on_alternate_stack(claim))
    return true; /* the kernel begins that stack anew */
  return claim < target && is_on(to, claim) &&
         (leaves_alternate || (is_on(to, here) && here < claim));
}

void claims_left_for(uint64_t target)
{
  const uint64_t here = (uint64_t)__builtin_frame_address(0);
  bool asked = false,
       leaves_alternate = false; /* it takes system calls; most jumps leave nothing */
  struct stack to;
  const uint64_t before = signals_block();
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    const bool contested = slot->state == ULP_SLOT_CONTESTED && slot->junk_sp != 0;
    if (!contested && (in_limbo(slot) || tls->code != slot_code(slot) || !has_claim(tls)))
      continue;
    if (!asked) {
      leaves_alternate = on_alternate_stack(here) && !on_alternate_stack(target);
      stack_of(target, &to);
      asked = true;
    }
    if (!is_passed(contested ? slot->saved_sp : tls->sp, here, target, &to, leaves_alternate))
      continue;
    word_forget(contested ? slot->saved_sp : tls->sp, slot);
    if (contested)
      slot->junk_sp = 0;
    else
      leave(tls);
    __atomic_fetch_add(&ulp_control_block.claims_healed, 1, __ATOMIC_RELAXED);
  }
  signals_restore(before);
}
