/*
 * swapcontext, interposed: a claim belongs to the coroutine, not to the thread. The suspended one's
 * claims are parked in the frame of its swapcontext and put back when it goes on, in whichever
 * thread.
 */
#include "runtime.h"

#include <stdlib.h>
#include <ucontext.h>

enum {
  PARKED_MAX = 16, /* libraries that one coroutine can be inside of at once */
  LIMBO_MAX = 256, /* of a thread; further ones are contested, of which there is a most as well */
};

struct parked {
  slot_t *slot; /* NULL: the thread is pinned, and the coroutine may be inside without a slot */
  uint64_t library;
  uint64_t sp;
  uint64_t tpoff; /* of the block: the same in every thread */
  uint32_t universe;
};

/* What a coroutine leaves in the frame of its swapcontext. */
struct context {
  uint64_t stack_low, stack_high; /* the coroutine stack that it is on */
  int count;
  struct parked parked[PARKED_MAX];
};

static uint64_t thread_pointer(void)
{
  uint64_t value;
  __asm__("movq %%fs:0, %0" : "=r"(value));
  return value;
}

/*
 * Of a contested block, the calls on this very stack are the coroutine's. They stay contested, so
 * that the thread keeps their universe: nobody would see a switch from another one's stack to
 * theirs. The outermost of them is a claim where the coroutine goes on in another thread. The
 * others return to their junk wherever they do, and need nothing.
 */
static void park_contested(struct context *context, uint64_t here, const struct stack *stack)
{
  struct thread *me = &ulp_thread;
  for (slot_t *slot = me->slots; slot; slot = slot_next(slot)) {
    if (slot->state != ULP_SLOT_CONTESTED || slot->junk_sp == 0 || slot->saved_sp < here ||
        !is_on(stack, slot->saved_sp))
      continue;
    tls_t *tls = block_of_this_thread(slot->library);
    struct parked *of_library = NULL;
    for (int i = 0; i < context->count; i++)
      if (context->parked[i].library == slot->library)
        of_library = &context->parked[i];
    if (!tls || (!of_library && context->count == PARKED_MAX))
      continue; /* the thread's, and so late */
    if (!of_library)
      (of_library = &context->parked[context->count++])->sp = 0;
    if (slot->saved_sp > of_library->sp)
      *of_library = (struct parked){slot, slot->library, slot->saved_sp,
                                    (uint64_t)tls - thread_pointer(), slot->junk_universe};
  }
}

/*
 * A pin is contagious: in a pinned thread calls are not counted, and go where their coroutine
 * goes.
 */
static void park_pins(struct context *context)
{
  uint32_t at = 0;
  for (volatile struct ulp_pin *pin; context->count < PARKED_MAX && (pin = pin_next(&at));)
    context->parked[context->count++] =
        (struct parked){NULL, pin->library, 0, pin->tls - thread_pointer(), pin->universe};
}

/*
 * Where a context of makecontext begins. One that goes on says itself where it is, and what is not
 * filled in says nothing.
 */
static void stack_of_target(const ucontext_t *to)
{
  struct thread *me = &ulp_thread;
  const uint64_t low = (uint64_t)to->uc_stack.ss_sp, high = low + to->uc_stack.ss_size;
  const uint64_t sp = (uint64_t)to->uc_mcontext.gregs[REG_RSP];
  const bool is_there = sp > low && sp <= high;
  me->coroutine_low = is_there ? low : 0;
  me->coroutine_high = is_there ? high : 0;
}

/*
 * noinline, both: after the switch the thread may be another, so its TLS is looked up afresh.
 *
 * Not parked is what lies on another stack than this one, because another switch left it there,
 * which nobody saw: that belongs to the thread. A word that does not lead to the slot says that
 * a handler's swapcontext has interrupted an entry or an exit; the slot waits for this
 * swapcontext then.
 */
__attribute__((noinline)) static void park(struct context *context, const ucontext_t *to)
{
  struct thread *me = &ulp_thread;
  const uint64_t here = (uint64_t)__builtin_frame_address(0);
  const uint64_t before = signals_block();
  struct stack stack;
  context->stack_low = me->coroutine_low;
  context->stack_high = me->coroutine_high;
  context->count = 0;
  if (me->slots)
    stack_of(here, &stack);
  int parked = 0;
  for (slot_t *slot = me->slots; slot && parked < LIMBO_MAX; slot = slot_next(slot))
    parked += in_limbo(slot) && slot->junk_sp != 0;
  for (slot_t *slot = me->slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (in_limbo(slot) || tls->code != slot_code(slot) || !has_claim(tls))
      continue;
    const bool same = is_on(&stack, tls->sp);
    const bool is_settled = word_at(tls->sp, slot) == WORD_LEADS;
    if (same && tls->sp < here) { /* deeper than we are */
      claim_jumped(tls, slot, here, &stack);
    } else if (is_settled && ((!same && stack.kind != STACK_ALTERNATE) || me->contested ||
                              context->count == PARKED_MAX || parked == LIMBO_MAX)) {
      claim_contest(tls, slot);
    } else if (context->count < PARKED_MAX) {
      const uint64_t library = slot->library;
      context->parked[context->count++] =
          (struct parked){slot, library, tls->sp, (uint64_t)tls - thread_pointer(), tls->universe};
      slot_suspend(slot, tls, is_settled ? ULP_SLOT_LIMBO : ULP_SLOT_HELD);
      block_rest(tls, library);
    }
  }
  if (me->contested)
    park_contested(context, here, &stack);
  if (me->uncounted) {
    me->contested = true; /* what is suspended may outlive the thread */
    park_pins(context);
  }
  blocks_rest();
  stack_of_target(to);
  signals_restore(before);
}

static bool is_mine(slot_t *wanted)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (slot == wanted)
      return true;
  return false;
}

/* The thread is inside in this universe anyway: its calls are contested, or it is pinned. */
static bool is_inside_as(tls_t *tls, uint64_t sp, uint32_t universe)
{
  return tls->sp == sp && tls->universe == universe;
}

/*
 * A call that was parked in another thread gets a slot of this one: its return address moves there,
 * and what held the old slot's return point leads there. That may be nowhere, because a handler's
 * swapcontext has interrupted an entry or an exit; and there may be no slot: such a call keeps its
 * old slot, whose exit clears junk, and the thread is inside for good.
 */
static void take_over(const struct parked *p, tls_t *tls)
{
  volatile uint64_t *place = return_place((volatile uint64_t *)p->sp, p->slot);
  const uint64_t library = p->slot->library;
  const bool contested = is_inside_as(tls, ULP_SP_CONTESTED, p->universe);
  const bool pinned = is_inside_as(tls, ULP_SP_PINNED, p->universe); /* and there is no slot */
  slot_move_begin(p->slot);
  slot_t *slot = NULL;
  if (place && contested)
    slot = slot_contest(tls, library, p->sp);
  else if (place && !pinned)
    slot = has_slot(tls) ? slot_at(tls->code) : slot_assign(tls, library);
  if (slot) {
    if (!contested) {
      tls->sp = p->sp;
      tls->universe = p->universe;
    }
    slot->ret = p->slot->ret;
    *place = slot_code(slot) + ULP_SLOT_RETURN;
  } else if (!pinned) {
    pin_uncounted(tls, library, p->universe);
  }
  slot_move_end(p->slot, slot);
}

/* The thread's own slot is the call's again; what it used meanwhile can be reused. */
static void take_back(const struct parked *p, tls_t *tls)
{
  if (is_inside_as(tls, ULP_SP_PINNED, p->universe))
    return;
  if (is_inside_as(tls, ULP_SP_CONTESTED, p->universe)) {
    p->slot->state = ULP_SLOT_CONTESTED;
    return;
  }
  slot_t *idle = slot_at(tls->code);
  slot_resume(p->slot, tls, p->sp, p->universe);
  if (idle)
    slot_idle(idle);
}

static void catch_pin(const struct parked *p, tls_t *tls)
{
  if (has_claim(tls)) /* left by something else than swapcontext */
    claim_contest(tls, slot_at(tls->code));
  if (pin_universe(tls) == 0)
    pin_uncounted(tls, p->library, tls->sp == 0 ? p->universe : tls->universe);
}

/*
 * Where the thread was contested or pinned in another universe, the coroutine has its own until
 * it is parked again: an entry asks, and block_rest() puts the thread's back.
 */
__attribute__((noinline)) static void unpark(const struct context *context)
{
  const uint64_t before = signals_block();
  ulp_thread.coroutine_low = context->stack_low;
  ulp_thread.coroutine_high = context->stack_high;
  blocks_rest();
  for (int i = context->count; i-- > 0;) {
    const struct parked *p = &context->parked[i];
    tls_t *tls = (tls_t *)(thread_pointer() + p->tpoff);
    if (!p->slot) {
      if (pin_universe(tls) == 0)
        catch_pin(p, tls);
      continue;
    }
    if (!in_limbo(p->slot) || p->slot->saved_sp != p->sp || p->slot->junk_sp == 0)
      continue;         /* it was over, and has been reused */
    if (has_claim(tls)) /* left by something else than swapcontext */
      claim_contest(tls, slot_at(tls->code));
    if (is_mine(p->slot))
      take_back(p, tls);
    else
      take_over(p, tls);
  }
  /* What the blocks know of stacks may be what a handler has seen in the middle of the switch. */
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (in_limbo(slot) || tls->code != slot_code(slot) || tls->sp == ULP_SP_PINNED)
      continue;
    tls->high = 0;
    tls->low = ~0UL;
  }
  blocks_rest();
  signals_restore(before);
}

ULP_EXPORT int swapcontext(ucontext_t *from, const ucontext_t *to)
{
  static int (*real)(ucontext_t *, const ucontext_t *);
  struct context context;
  if (!real && !(real = (int (*)(ucontext_t *, const ucontext_t *))next_function("swapcontext",
                                                                                 "libc.so.6")))
    abort(); /* a libc without it, and yet somebody has called it */
  park(&context, to);
  int result = real(from, to);
  unpark(&context);
  return result;
}
