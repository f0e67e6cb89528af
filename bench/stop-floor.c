/*
 * stop-floor TID GADGET TLS STACK TID_ADDRESS FLAGS STATE: the C floor of the stop. A fresh process
 * that does to one thread, for a request that is written already, what
 * packages/trigger/src/borrow/ does: the same requests in the same order, and nothing else. It
 * makes none of the checks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ulp_abi.h"

enum { RED_ZONE = 128, SYSCALL_BYTES = 2, DF_TF = 0x500, NR_RESTART_SYSCALL = 219, MASK_BYTES = 8 };
/* What the kernel makes of a system call that a stop has interrupted; programs never see it. */
enum {
  ERESTART_SYS = 512,
  ERESTART_NOINTR = 513,
  ERESTART_NOHAND = 514,
  ERESTART_RESTARTBLOCK = 516
};

static void must(long result, const char *what)
{
  if (result >= 0)
    return;
  perror(what);
  exit(1);
}

/* In a call that the kernel repeats unless a handler runs: only a tracer can leave that to it. */
static bool by_hand(const struct user_regs_struct *r)
{
  const long code = -(long)r->rax;
  return (long long)r->orig_rax >= 0 && (code == ERESTART_SYS || code == ERESTART_NOHAND);
}

/* In a call that is made again, whatever a handler does to some of them. */
static bool repeats(const struct user_regs_struct *r)
{
  const long code = -(long)r->rax;
  return by_hand(r) || ((long long)r->orig_rax >= 0 &&
                        (code == ERESTART_NOINTR || code == ERESTART_RESTARTBLOCK));
}

static void wait_for(pid_t tid, int *status)
{
  for (pid_t stopped; (stopped = waitpid(tid, status, WNOHANG | __WALL)) != tid;)
    must(stopped, "waitpid");
}

static struct ulp_resume_frame frame_of(const struct user_regs_struct *r, uint64_t mask)
{
  const bool again = repeats(r);
  const bool rest = again && (long long)r->rax == -ERESTART_RESTARTBLOCK;
  return (struct ulp_resume_frame){
      .mask = mask,
      .restart = by_hand(r) ? -r->rax : 0,
      .r15 = r->r15,
      .r14 = r->r14,
      .r13 = r->r13,
      .r12 = r->r12,
      .r11 = r->r11,
      .r10 = r->r10,
      .r9 = r->r9,
      .r8 = r->r8,
      .rbp = r->rbp,
      .rdi = r->rdi,
      .rsi = r->rsi,
      .rdx = r->rdx,
      .rcx = r->rcx,
      .rbx = r->rbx,
      .rax = rest    ? NR_RESTART_SYSCALL
             : again ? r->orig_rax
                     : r->rax,
      .eflags = r->eflags,
      .rip = again ? r->rip - SYSCALL_BYTES : r->rip,
  };
}

int main(int argc, char **argv)
{
  if (argc != 8)
    return 2;
  const pid_t tid = atoi(argv[1]);
  uint64_t number[8];
  for (int i = 2; i < 8; i++)
    number[i] = strtoull(argv[i], NULL, 0);
  const uint64_t gadget = number[2], tls = number[3], stack = number[4], tid_address = number[5],
                 flags = number[6], state = number[7];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", tid);
  const int memory = open(path, O_RDWR);
  must(memory, "open");
  struct user_regs_struct old, new;
  uint64_t mask, all = ~0UL;
  int status;

  must(ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD), "seize");
  must(ptrace(PTRACE_INTERRUPT, tid, 0, 0), "interrupt");
  wait_for(tid, &status);
  if (status >> 16 != PTRACE_EVENT_STOP)
    return 3; /* the kernel lets the thread go */
  must(ptrace(PTRACE_GETREGS, tid, 0, &old), "getregs");
  must(ptrace(PTRACE_GETSIGMASK, tid, (void *)MASK_BYTES, &mask), "getsigmask");
  new = old;
  new.rip = gadget;
  new.rsp = old.rsp - RED_ZONE - sizeof(struct ulp_resume_frame);
  new.rax = state;
  new.orig_rax = -1;
  new.eflags &= ~(unsigned long long)DF_TF;
  new.rdi = flags;
  new.rsi = stack;
  new.rdx = 0;
  new.r10 = tid_address;
  new.r8 = tls;
  new.r9 = (state & ~0xffUL) | ULP_STATE_LAUNCHED;
  const struct ulp_resume_frame frame = frame_of(&old, mask);
  if (pwrite(memory, &frame, sizeof frame, (off_t)new.rsp) != sizeof frame)
    must(-1, "pwrite");
  if (by_hand(&old))
    must(ptrace(PTRACE_SETSIGMASK, tid, (void *)MASK_BYTES, &mask), "setsigmask");
  must(ptrace(PTRACE_SETREGS, tid, 0, &new), "setregs");
  must(ptrace(PTRACE_SETSIGMASK, tid, (void *)MASK_BYTES, &all), "setsigmask");
  if (by_hand(&old)) {
    for (int stop = 0; stop < 2; stop++) { /* the entry to clone, and its exit */
      must(ptrace(PTRACE_SYSCALL, tid, 0, 0), "syscall");
      wait_for(tid, &status);
    }
    must(ptrace(PTRACE_SETSIGMASK, tid, (void *)MASK_BYTES, &mask), "setsigmask");
    must(ptrace(PTRACE_SETREGS, tid, 0, &old), "setregs");
  }
  must(ptrace(PTRACE_DETACH, tid, 0, 0), "detach");
  return 0;
}
