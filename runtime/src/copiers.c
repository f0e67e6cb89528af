/*
 * Extensions that are known to copy stacks away and back: greenlet's, and so gevent's. In a process
 * that has one, a call may return although its stack was overwritten, and addresses tell nothing.
 * So every entry asks, and each call gets a slot of its own, from a thread's first one on. Where a
 * thread has entered before the copier was known, calls may be in a copy that nobody has counted:
 * it is pinned.
 *
 * A universe begins only after copiers_look(), so all calls that were not counted see one universe.
 */
#include "patches.h"

#include <link.h>
#include <sys/uio.h>

volatile bool ulp_copier;

static const char KNOWN[] = "_greenlet";

/* ---- entry: nothing of libc, which may be live-patchable itself ---- */

static bool is_known(const char *name)
{
  const char *file = name;
  for (const char *p = name; *p; p++)
    if (*p == '/')
      file = p + 1;
  for (; *file; file++) {
    size_t same = 0;
    while (KNOWN[same] && file[same] == KNOWN[same])
      same++;
    if (!KNOWN[same])
      return true;
  }
  return false;
}

/* Of a library that may be unloaded meanwhile. */
static bool peek_name(uint64_t from, char *to, size_t size)
{
  enum { PART = 64 };
  for (size_t have = 0; have + PART < size; have += PART) {
    const bool whole = peek(from + have, to + have, PART);
    for (size_t i = have; i < have + PART; i++) {
      if (!whole && !peek(from + i, to + i, 1))
        return false;
      if (to[i] == 0)
        return true;
    }
  }
  to[size - 1] = 0;
  return true;
}

/* The last entry of the link map that was seen. What is loaded comes behind it. */
static volatile uint64_t last_seen;

bool copier_is_loaded(bool look)
{
  enum { MOST = 4096 };
  struct link_map entry = {.l_next = (struct link_map *)1};
  if (ulp_copier || !look)
    return ulp_copier;
  if (last_seen && peek(last_seen, &entry, sizeof entry) && !entry.l_next)
    return false;
  uint64_t at = (uint64_t)_r_debug.r_map;
  for (int i = 0; i < MOST && at && peek(at, &entry, sizeof entry); i++) {
    char name[256];
    if (peek_name((uint64_t)entry.l_name, name, sizeof name) && is_known(name)) {
      ulp_copier = true;
      return true;
    }
    last_seen = at;
    at = (uint64_t)entry.l_next;
  }
  return false;
}

/* ---- helper ---- */

static int look_at(struct dl_phdr_info *info, size_t size, void *unused)
{
  (void)size, (void)unused;
  return is_known(info->dlpi_name);
}

/* The thread may end meanwhile, and its block be gone. */
static bool make_ask(uint64_t block)
{
  uint64_t bounds[] = {~0UL, 0};
  _Static_assert(offsetof(struct ulp_tls, high) == offsetof(struct ulp_tls, low) + 8, "");
  struct iovec local = {bounds, sizeof bounds};
  struct iovec remote = {(void *)(block + offsetof(struct ulp_tls, low)), sizeof bounds};
  long tid = raw_syscall(SYS_gettid);
  return raw_syscall(SYS_process_vm_writev, tid, &local, 1, &remote, 1, 0) == (long)sizeof bounds;
}

/* False: it cannot be said in which universe its thread is from now on. */
static bool pin_owner(slot_t *slot)
{
  enum { TURNS = 1000 };
  struct ulp_tls tls;
  const uint64_t block = slot->tls;
  for (int turn = 0; turn < TURNS; turn++) {
    if (!peek(block, &tls, sizeof tls) || tls.code != slot_code(slot) || tls.sp == ULP_SP_PINNED)
      return true; /* it has ended, or done it itself */
    if (tls.sp == 0 || tls.universe != ULP_UNIVERSE_OUTSIDE)
      break;
  }
  const uint32_t universe = tls.sp == 0 ? (uint32_t)universe_now() : tls.universe;
  return pin_other(block, slot->library, slot->tid, universe) && make_ask(block);
}

void copiers_look(void)
{
  static bool was_known;
  if (!ulp_copier && dl_iterate_phdr(look_at, NULL) == 0)
    return;
  ulp_copier = true;
  for (uint32_t word = 0; word < ULP_SLOT_COUNT / 64; word++)
    for (uint64_t taken = ulp_slot_map[word]; taken; taken &= taken - 1) {
      slot_t *slot = &__ulp_slot_records[word * 64 + (uint32_t)__builtin_ctzl(taken)];
      const bool is_counted = slot->state == ULP_SLOT_CONTESTED && slot->junk_flags == 0;
      if (in_limbo(slot) ? was_known || is_counted || slot->junk_sp == 0 : pin_owner(slot))
        continue;
      __atomic_fetch_add(&ulp_control_block.pins_lost, 1, __ATOMIC_SEQ_CST);
    }
  was_known = true;
}
