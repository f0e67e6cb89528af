/*
 * Threads for which no return slot was left. Such a thread is inside a library from its first entry
 * on, in the universe of then, until it ends; what it keeps alive is told by a table, or, when that
 * is full too, by nothing.
 */
#include "runtime.h"

static volatile struct ulp_pin pins[ULP_LIMIT_PINS];

void pins_init(void)
{
  ulp_control_block.pins = (uint64_t)pins;
}

/* Before the universe of the thread is read: oldest_universe() sees the pin, or the thread what is newest. Entry. */
void pin_note(tls_t *tls, uint64_t library)
{
  __atomic_fetch_add(&ulp_control_block.slots_exhausted, 1, __ATOMIC_SEQ_CST);
  tls->library = library;
  tls->low = 0;
  tls->high = ~0UL;
  thread_notice();
  ulp_thread.pinned = true;
  for (uint32_t i = 0; i < ULP_LIMIT_PINS; i++) {
    uint64_t nobody = 0;
    if (__atomic_compare_exchange_n(&pins[i].tls, &nobody, (uint64_t)tls, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
      pins[i].library = library;
      pins[i].tid = thread_id();
      return;
    }
  }
  __atomic_fetch_add(&ulp_control_block.pins_lost, 1, __ATOMIC_SEQ_CST);
}

static bool is_ours(volatile struct ulp_pin *pin)
{
  return pin->tls != 0 && (tls_t *)pin->tls == block_of_this_thread(pin->library);
}

static void pin_free(volatile struct ulp_pin *pin)
{
  pin->tid = 0;
  __atomic_store_n(&pin->tls, 0, __ATOMIC_RELEASE);
}

/* The thread ends: what it calls from now on is an entry like its first. Signals blocked. */
void pins_give_back(void)
{
  for (uint32_t i = 0; ulp_thread.pinned && i < ULP_LIMIT_PINS; i++) {
    if (!is_ours(&pins[i]))
      continue;
    tls_t *tls = (tls_t *)pins[i].tls;
    if (tls->sp == ULP_SP_PINNED)
      forget_slot(tls);
    pin_free(&pins[i]);
  }
  ulp_thread.pinned = false;
}

/* In a child of fork only this thread lives. */
void pins_of_child(void)
{
  for (uint32_t i = 0; i < ULP_LIMIT_PINS; i++)
    if (is_ours(&pins[i]))
      pins[i].tid = (uint32_t)raw_syscall(SYS_gettid);
    else
      pin_free(&pins[i]);
}

/*
 * The oldest universe that a pin keeps alive: 0 when that is not known, `newest` when there is
 * none. Helper.
 */
uint64_t oldest_pinned(uint64_t newest)
{
  if (__atomic_load_n(&ulp_control_block.pins_lost, __ATOMIC_SEQ_CST) != 0)
    return 0;
  for (uint32_t i = 0; i < ULP_LIMIT_PINS; i++) {
    uint64_t block = __atomic_load_n(&pins[i].tls, __ATOMIC_SEQ_CST);
    struct ulp_tls tls;
    if (block == 0)
      continue;
    if (thread_is_gone(pins[i].tid))
      pin_free(&pins[i]);
    else if (!peek(block, &tls, sizeof tls) || tls.sp != ULP_SP_PINNED)
      newest = 0;
    else if (tls.universe < newest)
      newest = tls.universe;
  }
  return newest;
}
