/*
 * Does anything in this process's memory lead to a return slot? A call returns through its slot
 * only if the slot's return point comes onto a stack again. Coroutines that copy stacks away keep
 * it in the heap meanwhile. So where it is nowhere, the call is over. A stale word makes the answer
 * "yes": late, and never wrong. Entry, all signals blocked.
 *
 * A thread's alternate stack is dead while the thread is elsewhere: the next signal begins it anew,
 * so that nobody keeps a copy there. Handlers leave words there that a register held.
 *
 * One thread at a time looks, because the buffer is too large for a stack. What the thread itself
 * has copied cannot move meanwhile.
 */
#include "runtime.h"

#include <fcntl.h>
#include <sys/uio.h>

enum {
  PAGE = 4096,
  PAGES_AT_ONCE = 16,
  BUDGET = 4096, /* pages: 16 MiB. What has more is not looked through, and the answer is "yes" */
};

static _Alignas(PAGE) uint8_t buffer[PAGES_AT_ONCE * PAGE];
static uint64_t pagemap[512];
static volatile uint32_t is_busy; /* a child of fork must not wait for it for ever: reserve() */

struct search {
  uint64_t inverted;            /* what is wanted, which must not be found here */
  uint64_t dead_low, dead_high; /* nobody returns through what lies here */
  long pagemap;                 /* file descriptor */
  int budget;
  struct stack alternate; /* dead as well */
};

static bool is_dead(uint64_t address, const struct search *search)
{
  return (address >= search->dead_low && address < search->dead_high) ||
         is_on(&search->alternate, address);
}

static bool holds(uint64_t from, uint64_t size, const struct search *search)
{
  struct iovec local = {buffer, size}, remote = {(void *)from, size};
  long tid = raw_syscall(SYS_gettid);
  if (raw_syscall(SYS_process_vm_readv, tid, &local, 1, &remote, 1, 0) != (long)size)
    return true; /* not known */
  for (uint64_t i = 0; i + 8 <= size; i++) {
    uint64_t word;
    __builtin_memcpy(&word, buffer + i, sizeof word);
    if (~word == search->inverted && !is_dead(from + i, search))
      return true;
  }
  return false;
}

/* The records of slots are asked by slots_lead_to(). The buffer holds what was just looked at. */
static bool is_ours(uint64_t page)
{
  const uint64_t records = (uint64_t)__ulp_slot_records;
  return (page >= records && page < records + sizeof(struct ulp_slot) * ULP_SLOT_COUNT) ||
         (page >= (uint64_t)buffer && page < (uint64_t)buffer + sizeof buffer);
}

/* Pages that are neither in memory nor in swap hold nothing. True when it is not known. */
static bool is_in_mapping(uint64_t low, uint64_t high, struct search *search)
{
  enum { PRESENT_OR_SWAPPED = 3 };
  for (uint64_t at = low; at < high;) {
    uint64_t pages = (high - at) / PAGE;
    if (pages > sizeof pagemap / 8)
      pages = sizeof pagemap / 8;
    if (raw_syscall(SYS_pread64, search->pagemap, pagemap, pages * 8, at / PAGE * 8) !=
        (long)(pages * 8))
      return true;
    for (uint64_t i = 0; i < pages;) {
      uint64_t run = 0;
      while (i + run < pages && run < PAGES_AT_ONCE &&
             (pagemap[i + run] >> 62 & PRESENT_OR_SWAPPED) && !is_ours(at + (i + run) * PAGE))
        run++;
      if (run == 0) {
        i++;
        continue;
      }
      search->budget -= (int)run;
      if (search->budget < 0 || holds(at + i * PAGE, run * PAGE, search))
        return true;
      i += run;
    }
    at += pages * PAGE;
  }
  return false;
}

static bool look_at(const struct mapping *mapping, void *argument)
{
  return mapping->writable && is_in_mapping(mapping->low, mapping->high, argument);
}

/* After a tail call the return point of one slot is in the record of another one. */
static bool leads_on(slot_t *slot, slot_t *wanted)
{
  return slot->ret == slot_code(wanted) + ULP_SLOT_RETURN &&
         (!in_limbo(slot) || slot->junk_sp != 0);
}

static bool slots_lead_to(slot_t *wanted)
{
  for (slot_t *slot = ulp_thread.slots; slot; slot = slot_next(slot))
    if (leads_on(slot, wanted) && (in_limbo(slot) || ((tls_t *)slot->tls)->sp != 0))
      return true;
  return false;
}

static bool any_slot_leads_to(slot_t *wanted)
{
  for (uint32_t word = 0; word < ULP_SLOT_COUNT / 64; word++)
    for (uint64_t taken = ulp_slot_map[word]; taken; taken &= taken - 1)
      if (leads_on(&__ulp_slot_records[word * 64 + (uint32_t)__builtin_ctzl(taken)], wanted))
        return true;
  return false;
}

/*
 * Another thread that looks is not interrupted, but a child of fork may have been born meanwhile.
 */
static bool reserve(void)
{
  enum { TURNS = 10000 };
  for (int turn = 0; turn < TURNS; turn++) {
    if (!__atomic_exchange_n(&is_busy, 1, __ATOMIC_ACQUIRE))
      return true;
    raw_syscall(SYS_sched_yield);
  }
  return false;
}

static bool is_in_memory(slot_t *slot, uint64_t dead_low, uint64_t dead_high)
{
  struct search search = {
      ~(slot_code(slot) + ULP_SLOT_RETURN), dead_low, dead_high, -1, BUDGET, {STACK_UNKNOWN, 0, 0}};
  idle_alternate_stack(&search.alternate);
  if (!reserve())
    return true;
  search.pagemap =
      raw_syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
  bool found = search.pagemap < 0 || mappings_each(look_at, &search) != MAPPINGS_ALL;
  if (search.pagemap >= 0)
    raw_syscall(SYS_close, search.pagemap);
  __atomic_store_n(&is_busy, 0, __ATOMIC_RELEASE);
  return found;
}

bool is_led_to(slot_t *slot, uint64_t dead_low, uint64_t dead_high)
{
  return slots_lead_to(slot) || is_in_memory(slot, dead_low, dead_high);
}

bool is_led_to_from_anywhere(slot_t *slot)
{
  return any_slot_leads_to(slot) || is_in_memory(slot, 0, 0);
}
