/*
 * The memory of the slots' records. It lies in read-only data, in reach of the slots' code, and is
 * made writable piece by piece: what cannot be written counts neither for RLIMIT_DATA nor for what
 * the kernel has promised (overcommit). Entry.
 *
 * The constructor opens the first piece, so that only a process with more threads than that makes a
 * system call here later. Its threads make the same one: glibc, for the guard of each stack.
 */
#include "runtime.h"

#include <sys/mman.h>

enum { PIECE = 1024, PIECES = ULP_SLOT_COUNT / PIECE };
_Static_assert(PIECE * sizeof(struct ulp_slot) % 4096 == 0, "a piece is made of whole pages");
_Static_assert(PIECES <= 32, "one bit a piece");

/*
 * Set when a piece can be written; nothing takes that back. Two threads may open one piece: that
 * does no harm.
 */
static volatile uint32_t opened;

bool record_open(slot_t *slot)
{
  const uint32_t piece = (uint32_t)(slot - __ulp_slot_records) / PIECE;
  if (opened >> piece & 1)
    return true;
  if (raw_syscall(SYS_mprotect, __ulp_slot_records + piece * PIECE, PIECE * sizeof(struct ulp_slot),
                  PROT_READ | PROT_WRITE) != 0)
    return false;
  __atomic_fetch_or(&opened, 1U << piece, __ATOMIC_RELEASE);
  return true;
}
