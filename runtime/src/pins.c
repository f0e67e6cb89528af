/*
 * Threads for which no return slot was left, and those whose stacks cannot be told apart. Such a
 * thread is inside a library from then on, in one universe, until it ends; what it keeps alive is
 * told by a table, or, when that is full too, by nothing.
 */
#include "runtime.h"

static volatile struct ulp_pin pins[ULP_LIMIT_PINS];

void pins_init(void)
{
  ulp_control_block.pins = (uint64_t)pins;
}

/*
 * The helper may have noted one for us, when a copier was found. A child of vfork has no number
 * that is noted, and its parent's block, which nobody else has meanwhile.
 */
static volatile struct ulp_pin *pin_find(tls_t *tls)
{
  if (!ulp_thread.pinned && !ulp_copier)
    return NULL;
  const uint32_t tid = thread_id();
  for (uint32_t i = 0; i < ULP_LIMIT_PINS; i++)
    if (pins[i].tls == (uint64_t)tls && (tid == 0 || pins[i].tid == tid))
      return &pins[i];
  return NULL;
}

/* NULL: the table is full. */
static volatile struct ulp_pin *pin_note(tls_t *tls, uint64_t library)
{
  volatile struct ulp_pin *mine = pin_find(tls);
  for (uint32_t i = 0; !mine && i < ULP_LIMIT_PINS; i++) {
    uint64_t nobody = 0;
    if (__atomic_compare_exchange_n(&pins[i].tls, &nobody, (uint64_t)tls, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
      mine = &pins[i];
      mine->library = library;
      mine->tid = thread_id();
    }
  }
  if (!mine)
    __atomic_fetch_add(&ulp_control_block.pins_lost, 1, __ATOMIC_SEQ_CST);
  return mine;
}

/*
 * Noted before the universe is read: oldest_universe() sees the pin, or the thread what is
 * newest. The block is pinned before libc is called, which may be live-patchable itself.
 */
static void pin_as(tls_t *tls, uint64_t library, uint32_t universe, uint64_t sp)
{
  hand_over_begin(); /* the universe may be one that calls keep alive until now */
  volatile struct ulp_pin *noted = pin_note(tls, library);
  if (universe == 0)
    universe = (uint32_t)universe_now();
  tls->library = library;
  claim_pin(tls, universe, sp);
  if (noted)
    noted->universe = universe;
  hand_over_end();
  ulp_thread.pinned = true;
  thread_notice();
}

void pin(tls_t *tls, uint64_t library, uint32_t universe)
{
  ulp_thread.contested = true;
  pin_as(tls, library, universe, ULP_SP_CONTESTED);
}

void pin_uncounted(tls_t *tls, uint64_t library, uint32_t universe)
{
  __atomic_fetch_add(&ulp_control_block.slots_exhausted, 1, __ATOMIC_SEQ_CST);
  ulp_thread.uncounted = true;
  pin_as(tls, library, universe, ULP_SP_PINNED);
}

uint32_t pin_universe(tls_t *tls)
{
  volatile struct ulp_pin *noted = pin_find(tls);
  return noted ? noted->universe : 0;
}

static bool is_ours(volatile struct ulp_pin *pin)
{
  return pin->tls != 0 && (tls_t *)pin->tls == block_of_this_thread(pin->library);
}

volatile struct ulp_pin *pin_next(uint32_t *at)
{
  while (*at < ULP_LIMIT_PINS) {
    volatile struct ulp_pin *pin = &pins[(*at)++];
    if (is_ours(pin) && pin->universe != 0)
      return pin;
  }
  return NULL;
}

void pins_rest(void)
{
  uint32_t at = 0;
  for (volatile struct ulp_pin *pin; (pin = pin_next(&at));) {
    tls_t *tls = (tls_t *)pin->tls;
    if (tls->sp == 0)
      claim_pin(tls, pin->universe, ULP_SP_CONTESTED);
  }
}

bool pin_other(uint64_t block, uint64_t library, uint32_t tid, uint32_t universe)
{
  uint32_t free = ULP_LIMIT_PINS;
  for (uint32_t i = ULP_LIMIT_PINS; i-- > 0;) {
    if (pins[i].tls == block && pins[i].tid == tid)
      return true;
    if (pins[i].tls == 0)
      free = i;
  }
  uint64_t nobody = 0;
  if (free == ULP_LIMIT_PINS || !__atomic_compare_exchange_n(&pins[free].tls, &nobody, block, false,
                                                             __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    return false;
  pins[free].library = library;
  pins[free].universe = universe;
  pins[free].tid = tid;
  return true;
}

static void pin_free(volatile struct ulp_pin *pin)
{
  pin->tid = 0;
  pin->universe = 0;
  __atomic_store_n(&pin->tls, 0, __ATOMIC_RELEASE);
}

/* The thread ends: what it calls from now on is an entry like its first. Signals blocked. */
void pins_give_back(void)
{
  for (uint32_t i = 0; (ulp_thread.pinned || ulp_copier) && i < ULP_LIMIT_PINS; i++) {
    if (!is_ours(&pins[i]))
      continue;
    tls_t *tls = (tls_t *)pins[i].tls;
    if (!has_claim(tls))
      forget_history(tls);
    /* Nobody knows when calls are over that are suspended on other stacks without a slot. */
    if (ulp_thread.uncounted && ulp_thread.contested)
      __atomic_fetch_add(&ulp_control_block.pins_lost, 1, __ATOMIC_SEQ_CST);
    pin_free(&pins[i]);
  }
  ulp_thread.pinned = ulp_thread.uncounted = false;
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
    if (block == 0)
      continue;
    if (thread_is_gone(pins[i].tid))
      pin_free(&pins[i]);
    else if (pins[i].universe < newest) /* 0: being noted */
      newest = pins[i].universe;
  }
  return newest;
}
