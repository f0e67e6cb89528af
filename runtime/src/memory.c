/* Questions about this process's memory, answered without ever faulting. Entry. */
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/uio.h>

/*
 * The call fails in any case, and with EFAULT if there is nothing to read. Every program may make
 * it.
 */
static bool is_word_readable(uint64_t aligned)
{
  const int no_such_operation = -1;
  return raw_syscall(SYS_rt_sigprocmask, no_such_operation, aligned, 0, 8) != -EFAULT;
}

/*
 * Where process_vm_readv(2) is denied (seccomp filters do that): through a file, and if that cannot
 * be opened, by looking first and reading then, which only an munmap(2) between the two could make
 * a fault.
 */
static bool peek_without_call(uint64_t address, void *to, size_t size)
{
  long fd = raw_syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/mem", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    long got = raw_syscall(SYS_pread64, fd, to, size, address);
    raw_syscall(SYS_close, fd);
    if (got == (long)size || got == -EIO)
      return got == (long)size;
  }
  const uint64_t page = 4096;
  for (uint64_t at = address & ~7UL; at < address + size; at = (at & ~(page - 1)) + page)
    if (!is_word_readable(at))
      return false;
  for (size_t i = 0; i < size; i++)
    ((uint8_t *)to)[i] = ((const volatile uint8_t *)address)[i];
  return true;
}

bool peek(uint64_t address, void *to, size_t size)
{
  struct iovec local = {to, size}, remote = {(void *)address, size};
  /* By this thread's id: the process's is that of its first thread, which may have ended. */
  long tid = raw_syscall(SYS_gettid);
  long got = raw_syscall(SYS_process_vm_readv, tid, &local, 1, &remote, 1, 0);
  if (got >= 0 || got == -EFAULT)
    return got == (long)size;
  return peek_without_call(address, to, size);
}

bool on_alternate_stack(uint64_t sp)
{
  stack_t stack;
  if (raw_syscall(SYS_sigaltstack, 0, &stack) != 0 || (stack.ss_flags & SS_DISABLE))
    return false;
  /* As the kernel counts: a stack pointer at the low end is on what lies below it. */
  return sp > (uint64_t)stack.ss_sp && sp - (uint64_t)stack.ss_sp <= stack.ss_size;
}

static const char *hexadecimal(const char *p, uint64_t *value)
{
  *value = 0;
  for (;; p++) {
    int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;
    if (digit < 0)
      return p;
    *value = *value * 16 + (uint64_t)digit;
  }
}

/* The mapping around `address`, from /proc/thread-self/maps, read in pieces. */
static bool mapping_around(uint64_t address, uint64_t *low, uint64_t *high)
{
  long fd = raw_syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  char buffer[1024];
  long have = 0, got;
  bool found = false, tail_of_long_line = false;
  while (!found && (got = raw_syscall(SYS_read, fd, buffer + have, sizeof buffer - have)) > 0) {
    have += got;
    long start = 0;
    for (long i = 0; i < have && !found; i++) {
      if (buffer[i] != '\n')
        continue;
      if (!tail_of_long_line) {
        const char *p = hexadecimal(buffer + start, low);
        hexadecimal(p + 1, high);
        found = address >= *low && address < *high;
      }
      tail_of_long_line = false;
      start = i + 1;
    }
    for (long i = start; i < have; i++)
      buffer[i - start] = buffer[i];
    have -= start;
    if (have == (long)sizeof buffer) {
      have = 0;
      tail_of_long_line = true;
    }
  }
  raw_syscall(SYS_close, fd);
  return found;
}

/* Do both lie in one mapping? False when that cannot be found out. */
bool same_stack(uint64_t a, uint64_t b)
{
  struct thread *me = &ulp_thread;
  if (me->stack_high != 0 && a >= me->stack_low && a < me->stack_high && b >= me->stack_low &&
      b < me->stack_high)
    return true;
  uint64_t low, high;
  if (!mapping_around(a, &low, &high) || b < low || b >= high)
    return false;
  me->stack_high = 0; /* a handler that comes here must not mix the two */
  me->stack_low = low;
  me->stack_high = high;
  return true;
}
