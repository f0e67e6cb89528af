/* System calls without libc: no errno, no cancellation point, callable from anywhere. */
#ifndef ULP_RAW_H
#define ULP_RAW_H

#include <stdint.h>
#include <sys/syscall.h>

/* Gives the result, or -errno. */
static inline long ulp_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#define ULP_NTH(_0, _1, _2, _3, _4, _5, _6, N, ...) N
#define ULP_CALL0(n) ulp_syscall6(n, 0, 0, 0, 0, 0, 0)
#define ULP_CALL1(n, a) ulp_syscall6(n, (long)(a), 0, 0, 0, 0, 0)
#define ULP_CALL2(n, a, b) ulp_syscall6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define ULP_CALL3(n, a, b, c) ulp_syscall6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define ULP_CALL4(n, a, b, c, d) ulp_syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define ULP_CALL6(n, a, b, c, d, e, f) \
  ulp_syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* raw_syscall(SYS_close, fd): up to four arguments, or six. */
#define raw_syscall(...)                                                                        \
  ULP_NTH(__VA_ARGS__, ULP_CALL6, ULP_CALL5_UNUSED, ULP_CALL4, ULP_CALL3, ULP_CALL2, ULP_CALL1, \
          ULP_CALL0)                                                                            \
  (__VA_ARGS__)

#endif
