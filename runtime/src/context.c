/*
 * swapcontext, interposed: a claim belongs to the coroutine, not to the thread. The suspended one's
 * claims are parked in the frame of its swapcontext and put back when it goes on, in whichever
 * thread.
 */
#include "runtime.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <ucontext.h>

enum { PARKED_MAX = 16 }; /* libraries that one coroutine can be inside of at once */

struct parked {
  slot_t *slot;
  uint64_t sp;
  uint64_t tpoff; /* of the block: the same in every thread */
  uint32_t universe;
};

static uint64_t thread_pointer(void)
{
  uint64_t value;
  __asm__("movq %%fs:0, %0" : "=r"(value));
  return value;
}

/*
 * noinline, both: after the switch the thread may be another, so its TLS is looked up afresh.
 *
 * A word that does not lead to the slot says that a handler's swapcontext has interrupted an entry
 * or an exit, or that a jump which nobody saw left the call. In either case the slot waits for this
 * swapcontext.
 */
__attribute__((noinline)) static int park(struct parked *parked)
{
  const uint64_t here = (uint64_t)__builtin_frame_address(0);
  const uint64_t before = signals_block();
  int count = 0;
  for (slot_t *slot = ulp_thread.slots; slot && count < PARKED_MAX; slot = slot_next(slot)) {
    tls_t *tls = (tls_t *)slot->tls;
    if (in_limbo(slot) || tls->code != slot_code(slot) || !has_claim(tls))
      continue;
    if (tls->sp < here && same_stack(tls->sp, here)) { /* deeper than we are: such a jump */
      claim_abandon(tls, true);
      continue;
    }
    parked[count++] =
        (struct parked){slot, tls->sp, (uint64_t)tls - thread_pointer(), tls->universe};
    slot_suspend(slot, tls, frame_is_dead(slot, tls->sp) ? ULP_SLOT_HELD : ULP_SLOT_LIMBO);
  }
  signals_restore(before);
  return count;
}

static bool is_mine(slot_t *wanted)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (slot == wanted)
      return true;
  return false;
}

/*
 * A call that was parked in another thread gets a slot of this one: its return address moves there,
 * and the word on its stack leads there. A word that does not lead to the old slot is being used
 * right now by a handler's swapcontext in the middle of an entry or exit; and there may be no slot:
 * such a call keeps its old slot, whose exit clears junk, and the thread is inside for good.
 */
static void take_over(const struct parked *p, tls_t *tls)
{
  volatile uint64_t *word = return_place((volatile uint64_t *)p->sp, p->slot);
  slot_move_begin(p->slot);
  slot_t *slot = NULL;
  if (word)
    slot = has_slot(tls) ? slot_at(tls->code) : slot_assign(tls, p->slot->library);
  if (slot) {
    tls->sp = p->sp;
    tls->universe = p->universe;
    slot->ret = p->slot->ret;
    *word = slot_code(slot) + ULP_SLOT_RETURN;
  } else {
    pin_note(tls, p->slot->library);
    claim_pin(tls, p->universe);
  }
  slot_move_end(p->slot, slot);
}

/* The thread's own slot is the call's again; what it used meanwhile can be reused. */
static void take_back(const struct parked *p, tls_t *tls)
{
  slot_t *idle = slot_at(tls->code);
  slot_resume(p->slot, tls, p->sp, p->universe);
  if (idle)
    slot_idle(idle);
}

__attribute__((noinline)) static void unpark(const struct parked *parked, int count)
{
  const uint64_t before = signals_block();
  while (count-- > 0) {
    const struct parked *p = &parked[count];
    tls_t *tls = (tls_t *)(thread_pointer() + p->tpoff);
    if (!in_limbo(p->slot) || p->slot->saved_sp != p->sp) /* it was over, and has been reused */
      continue;
    if (has_claim(tls)) /* left by something else than swapcontext */
      claim_abandon(tls, false);
    if (is_mine(p->slot))
      take_back(p, tls);
    else
      take_over(p, tls);
  }
  signals_restore(before);
}

ULP_EXPORT int swapcontext(ucontext_t *from, const ucontext_t *to)
{
  static int (*real)(ucontext_t *, const ucontext_t *);
  struct parked parked[PARKED_MAX];
  int count = ulp_thread.slots ? park(parked) : 0;
  if (!real && !(real = (int (*)(ucontext_t *, const ucontext_t *))dlsym(RTLD_NEXT, "swapcontext")))
    abort();
  int result = real(from, to);
  if (count > 0)
    unpark(parked, count);
  return result;
}
