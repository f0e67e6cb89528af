/*
 * The longjmp family, interposed: calls that the jump leaves behind give up their claims first.
 * What cannot be interposed (__builtin_longjmp, setcontext, hand-written switches) is healed at the
 * thread's next entry where that is exact, and otherwise only delays its migration.
 */
#include "runtime.h"

#include <setjmp.h>
#include <stdlib.h>

/* The stack pointer in a jmp_buf: glibc rotates it and mixes in the pointer guard at %fs:0x30. */
static uint64_t stack_pointer_of(const struct __jmp_buf_tag *buffer)
{
  enum { JB_RSP = 6, ROTATION = 17 };
  uint64_t mangled = (uint64_t)buffer->__jmpbuf[JB_RSP], guard;
  __asm__("movq %%fs:0x30, %0" : "=r"(guard));
  return (mangled >> ROTATION | mangled << (64 - ROTATION)) ^ guard;
}

static void *real(const char *name)
{
  return next_function(name, "libc.so.6");
}

#define INTERPOSE(name)                                                                      \
  static __attribute__((noreturn)) void (*real_##name)(struct __jmp_buf_tag buffer[1], int); \
  ULP_EXPORT __attribute__((noreturn)) void name(struct __jmp_buf_tag buffer[1], int value)  \
  {                                                                                          \
    if (ulp_thread.slots)                                                                    \
      claims_left_for(stack_pointer_of(buffer));                                             \
    if (!real_##name && !(real_##name = real(#name)))                                        \
      abort(); /* a libc without it, and yet somebody has called it */                       \
    real_##name(buffer, value);                                                              \
  }

INTERPOSE(longjmp)
INTERPOSE(_longjmp)
INTERPOSE(siglongjmp)
void __longjmp_chk(struct __jmp_buf_tag buffer[1], int) __attribute__((noreturn));
INTERPOSE(__longjmp_chk)

/* Looked up early: dlsym is not async-signal-safe, longjmp out of a handler is allowed. */
void longjmp_init(void)
{
  real_longjmp = real("longjmp");
  real__longjmp = real("_longjmp");
  real_siglongjmp = real("siglongjmp");
  real___longjmp_chk = real("__longjmp_chk");
}
