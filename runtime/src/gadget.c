/*
 * The C part of the gadget's tail. Runs in the borrowed thread, at any interrupted instruction:
 * general registers only, because the vector registers still hold the interrupted code.s values; no
 * libc.
 */
#include "runtime.h"

#include <errno.h>
#include <signal.h>

ULP_HIDDEN void restart_or_interrupt(struct ulp_resume_frame *frame);

/* As rt_sigaction(2) of the kernel has it; glibc's differs. */
struct kernel_sigaction {
  uint64_t handler, flags, restorer, mask;
};

/*
 * The frame repeats an interrupted system call. The kernel would instead have returned EINTR if a
 * signal with a handler was delivered: for code 514 (ERESTARTNOHAND) always, for 512 (ERESTARTSYS)
 * unless the handler has SA_RESTART. Such a signal is pending now, because the tool blocks all.
 */
__attribute__((target("general-regs-only"))) void
restart_or_interrupt(struct ulp_resume_frame *frame)
{
  enum { ERESTARTSYS = 512, ERESTARTNOHAND = 514, SYSCALL_SIZE = 2, LAST_SIGNAL = 64 };
  if (frame->restart != ERESTARTSYS && frame->restart != ERESTARTNOHAND)
    return;
  uint64_t pending = 0;
  raw_syscall(SYS_rt_sigpending, &pending, sizeof pending);
  uint64_t deliverable = pending & ~frame->mask;
  for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
    struct kernel_sigaction action;
    if (!(deliverable >> (signal - 1) & 1) ||
        raw_syscall(SYS_rt_sigaction, signal, 0, &action, sizeof action.mask) != 0)
      continue;
    if (action.handler == (uint64_t)SIG_DFL || action.handler == (uint64_t)SIG_IGN)
      continue;
    if (frame->restart == ERESTARTSYS && (action.flags & SA_RESTART))
      return;
    frame->rax = (uint64_t)-EINTR;
    frame->rip += SYSCALL_SIZE;
    return;
  }
}
