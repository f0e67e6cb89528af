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

bool peek_library(uint64_t descriptor, struct face *face)
{
  struct ulp_library library;
  int32_t number;
  if (!peek(descriptor, &library, sizeof library) || library.magic != ULP_MAGIC_LIBRARY ||
      library.abi != ULP_ABI_VERSION)
    return false;
  __builtin_memcpy(&number, library.tpoff_way + 3, sizeof number);
  const uint64_t place = descriptor + offsetof(struct ulp_library, tpoff_way) + 3;
  const uint64_t global = descriptor + offsetof(struct ulp_library, global_way);
  face->tpoff = (uint64_t)(int64_t)number;
  const bool is_program = library.tpoff_way[1] != 0x8b;
  return (is_program || peek(place + face->tpoff, &face->tpoff, sizeof face->tpoff)) &&
         peek(global + (uint64_t)(int64_t)library.global_way, &face->global, sizeof face->global);
}

static bool alternate_stack(struct stack *found)
{
  stack_t stack;
  if (raw_syscall(SYS_sigaltstack, 0, &stack) != 0 || (stack.ss_flags & SS_DISABLE))
    return false;
  /* As the kernel counts: a stack pointer at the low end is on what lies below it. */
  const uint64_t low = (uint64_t)stack.ss_sp + 1;
  *found = (struct stack){STACK_ALTERNATE, low, low + stack.ss_size};
  return true;
}

bool on_alternate_stack(uint64_t sp)
{
  struct stack stack;
  return alternate_stack(&stack) && is_on(&stack, sp);
}

void idle_alternate_stack(struct stack *found)
{
  const uint64_t here = (uint64_t)__builtin_frame_address(0);
  if (!alternate_stack(found) || is_on(found, here))
    *found = (struct stack){STACK_UNKNOWN, 0, 0};
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

enum mappings mappings_each(bool (*visit)(const struct mapping *, void *), void *argument)
{
  long fd = raw_syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return MAPPINGS_UNKNOWN;
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
        struct mapping mapping;
        const char *p = hexadecimal(buffer + start, &mapping.low);
        p = hexadecimal(p + 1, &mapping.high);
        mapping.writable = p[2] == 'w'; /* " rw-p" */
        found = visit(&mapping, argument);
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
  return found ? MAPPINGS_FOUND : got == 0 ? MAPPINGS_ALL : MAPPINGS_UNKNOWN;
}

struct around {
  uint64_t address;
  struct mapping mapping;
};

static bool is_around(const struct mapping *mapping, void *argument)
{
  struct around *around = argument;
  around->mapping = *mapping;
  return around->address >= mapping->low && around->address < mapping->high;
}

/* ---- stacks whose bounds are known ---- */

uint32_t ulp_stack_offset;
extern void *__libc_stack_end __attribute__((weak));

static uint64_t thread_word(uint32_t offset)
{
  uint64_t value;
  __asm__("movq %%fs:(%1), %0" : "=r"(value) : "r"((uint64_t)offset));
  return value;
}

/*
 * The stack that the thread was made with. glibc notes it in the thread's descriptor (helper.c
 * finds out where); not that of the first thread, which is the mapping around its first frame,
 * and grows.
 */
static void find_own_stack(uint64_t sp)
{
  enum { MOST = 128 << 20 }; /* the kernel leaves that much to it */
  struct thread *me = &ulp_thread;
  const uint64_t block = ulp_stack_offset ? thread_word(ulp_stack_offset) : 0;
  if (block != 0) {
    me->own_high = block + thread_word(ulp_stack_offset + 8);
    me->own_low = block;
    return;
  }
  const bool is_first =
      ulp_stack_offset || raw_syscall(SYS_gettid) == (long)raw_syscall(SYS_getpid);
  const bool may_have_grown = sp < me->own_low && sp > me->own_high - MOST;
  if (!is_first || !&__libc_stack_end || (me->own_high != 0 && !may_have_grown))
    return;
  struct around around = {.address = (uint64_t)__libc_stack_end};
  if (mappings_each(is_around, &around) == MAPPINGS_FOUND) {
    me->own_low = around.mapping.low;
    me->own_high = around.mapping.high;
  }
}

void own_stack(struct stack *stack, uint64_t sp)
{
  const struct thread *me = &ulp_thread;
  if (me->own_high == 0 || sp < me->own_low)
    find_own_stack(sp);
  *stack = (struct stack){me->own_high ? STACK_OWN : STACK_UNKNOWN, me->own_low, me->own_high};
}

/* An alternate stack may lie in another one. */
void stack_of(uint64_t sp, struct stack *stack)
{
  const struct thread *me = &ulp_thread;
  if (alternate_stack(stack) && is_on(stack, sp))
    return;
  own_stack(stack, sp);
  if (is_on(stack, sp))
    return;
  *stack = (struct stack){STACK_COROUTINE, me->coroutine_low, me->coroutine_high};
  if (!is_on(stack, sp))
    *stack = (struct stack){STACK_UNKNOWN, 0, 0};
}
