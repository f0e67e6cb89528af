/*
 * swapcontext, interposed: a claim belongs to the coroutine, not to the thread. The suspended one's
 * claims are parked in the frame of its swapcontext and put back when it goes on, in whichever thread.
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

/* noinline, both: after the switch the thread may be another, so its TLS is looked up afresh. */
__attribute__((noinline)) static int park(struct parked *parked)
{
  int count = 0;
  for (slot_t *slot = ulp_thread.slots; slot && count < PARKED_MAX; slot = (slot_t *)slot->next) {
    tls_t *tls = (tls_t *)slot->tls;
    if (in_limbo(slot) || tls->code != slot_code(slot) || tls->sp == 0 || tls->sp == ULP_SP_PINNED)
      continue;
    parked[count++] =
        (struct parked){slot, tls->sp, (uint64_t)tls - thread_pointer(), tls->universe};
    slot->junk_sp = 1;
    slot->junk_universe = tls->universe; /* so that collecting sees a parked claim */
    slot->saved_sp = tls->sp;
    slot->state = ULP_SLOT_LIMBO;
    slot->tls = (uint64_t)junk_of(slot);
    tls->code = ((struct ulp_library *)tls->library)->no_slot;
    leave(tls);
  }
  return count;
}

__attribute__((noinline)) static void unpark(const struct parked *parked, int count)
{
  while (count-- > 0) {
    const struct parked *p = &parked[count];
    tls_t *tls = (tls_t *)(thread_pointer() + p->tpoff);
    slot_t *idle = slot_at(tls->code);
    tls->sp = p->sp;
    tls->universe = p->universe;
    tls->code = slot_code(p->slot);
    p->slot->tls = (uint64_t)tls;
    p->slot->state = ULP_SLOT_USED;
    if (idle) { /* what this thread used meanwhile can be reused at once */
      idle->junk_sp = 0;
      idle->tls = (uint64_t)junk_of(idle);
      idle->state = ULP_SLOT_LIMBO;
    }
  }
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
