/* Threads that end, and children of fork. */
#include "runtime.h"

#include <pthread.h>

static pthread_key_t key;
static bool have_key;

void thread_notice(void)
{
  /*
   * Stores into the thread's descriptor (or callocs once for keys above 31): see INTO_C in slots.S.
   */
  if (have_key)
    pthread_setspecific(key, (void *)1);
}

tls_t *block_of_this_thread(uint64_t address)
{
  struct face face;
  uint64_t thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  return peek_library(address, &face) ? (tls_t *)(thread_pointer + face.tpoff) : NULL;
}

void thread_gives_back(void)
{
  if (!ulp_thread.slots && !ulp_thread.pinned)
    return;
  struct stack own;
  const uint64_t before = signals_block();
  own_stack(&own, (uint64_t)__builtin_frame_address(0));
  pins_give_back();
  slot_t *slot = __atomic_exchange_n(&ulp_thread.slots, NULL, __ATOMIC_ACQ_REL);
  for (slot_t *next; slot; slot = next) {
    next = slot_next(slot);
    tls_t *tls = (tls_t *)slot->tls;
    /* Its library may have been unloaded, and the block be somebody else's. */
    if (!in_limbo(slot) && tls == block_of_this_thread(slot->library) &&
        tls->code == slot_code(slot)) {
      if (has_claim(tls) && !is_on(&own, tls->sp))
        slot_suspend(slot, tls, ULP_SLOT_LIMBO); /* on a stack that may outlive the thread */
      else if (has_claim(tls))
        word_forget(tls->sp, slot);
      forget_history(tls);
    }
    slot_give_back(slot, &own);
  }
  signals_restore(before);
}

/* Destructor of the key: the thread ends. */
static void thread_ends(void *unused)
{
  (void)unused;
  ulp_thread.ends = true;
  thread_gives_back();
}

/*
 * In the child only the forking thread lives: other threads' slots are free. Not those of calls
 * that they have left suspended: such a coroutine may go on in the child.
 */
static void child_begins(void)
{
  uint64_t kept[ULP_SLOT_COUNT / 64] = {0};
  uint32_t tid = (uint32_t)raw_syscall(SYS_gettid), late = 0;
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot)) {
    uint32_t k = (uint32_t)(slot - __ulp_slot_records);
    kept[k / 64] |= 1UL << (k % 64);
    slot->tid = tid;
    late += slot->state == ULP_SLOT_LATE;
  }
  ulp_slots_late = late;
  pins_of_child();
  for (uint32_t word = 0; word < ULP_SLOT_COUNT / 64; word++) {
    for (uint64_t rest = ulp_slot_map[word] & ~kept[word]; rest; rest &= rest - 1) {
      int bit = __builtin_ctzl(rest);
      slot_t *slot = &__ulp_slot_records[word * 64 + (uint32_t)bit];
      slot->state = ULP_SLOT_FREE;
      if (in_limbo(slot) && !limbo_is_over(slot)) {
        slot->state = ULP_SLOT_ORPHAN;
        kept[word] |= 1UL << bit;
      }
    }
    ulp_slot_map[word] = kept[word];
  }
}

void threads_init(void)
{
  have_key = pthread_key_create(&key, thread_ends) == 0;
  if (have_key && ulp_thread.slots) /* constructors that ran before ours used a library */
    thread_notice();
  pthread_atfork(NULL, NULL, child_begins);
}
