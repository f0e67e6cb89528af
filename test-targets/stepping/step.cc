#include "step.h"

#include <csignal>
#include <cstdlib>
#include <sys/syscall.h>
#include <ucontext.h>

extern "C" void trap_flag_on(), trap_flag_off();
__asm__(".text\n"
        "trap_flag_on: .cfi_startproc\n"
        "pushfq\n .cfi_adjust_cfa_offset 8\n orq $0x100, (%rsp)\n"
        "popfq\n .cfi_adjust_cfa_offset -8\n ret\n .cfi_endproc\n"
        "trap_flag_off: .cfi_startproc\n"
        "pushfq\n .cfi_adjust_cfa_offset 8\n andq $~0x100, (%rsp)\n"
        "popfq\n .cfi_adjust_cfa_offset -8\n ret\n .cfi_endproc\n");

/*
 * Where a call returns that is not stepped through. It goes on to the caller, stepping again; the
 * trap comes after the instruction that follows popfq. Flags and what lies below the stack pointer
 * are dead there.
 */
extern "C" __attribute__((tls_model("local-exec"))) thread_local uint64_t passed_over_caller;
thread_local uint64_t passed_over_caller;
extern "C" void passed_over();
__asm__(".text\n"
        "passed_over: pushq %fs:passed_over_caller@tpoff\n"
        "pushfq\n orq $0x100, (%rsp)\n popfq\n ret\n");

extern "C" const char __executable_start[], etext[];

static thread_local Stepping *current;

static uint64_t bit(int signal)
{
  return 1UL << (signal - 1);
}

/*
 * A system call is about to block all signals. A trap while SIGTRAP is blocked ends the process, so
 * it is taken out of the mask; that another signal is in it shows where no handler can ever come.
 */
static void keep_trap_unblocked(greg_t *registers)
{
  const auto *code = reinterpret_cast<const uint8_t *>(registers[REG_RIP]);
  if (code[0] != 0x0f || code[1] != 0x05 || registers[REG_RAX] != SYS_rt_sigprocmask)
    return;
  auto *mask = reinterpret_cast<uint64_t *>(registers[REG_RSI]);
  if (mask && registers[REG_RDI] != SIG_UNBLOCK)
    *mask &= ~bit(SIGTRAP);
}

/* The boundary before this one in this thread. */
static thread_local uint64_t last_pc, last_sp;

/*
 * While all signals are blocked, no handler can come, and a function that is called then returns
 * with them blocked. So nothing is lost when it runs at full speed. libpulp.so may look through all
 * memory in it, which would take millions of steps.
 */
static void pass_over(uint64_t *back)
{
  passed_over_caller = *back;
  *back = reinterpret_cast<uint64_t>(passed_over);
}

/* Where the return address lies, if the instruction that led here is a call; or NULL. */
static uint64_t *called_from(const greg_t *registers)
{
  const auto sp = static_cast<uint64_t>(registers[REG_RSP]);
  auto *back = reinterpret_cast<uint64_t *>(sp);
  const uint64_t LONGEST = 7;
  return sp == last_sp - 8 && *back > last_pc && *back <= last_pc + LONGEST ? back : nullptr;
}

static void on_trap(int, siginfo_t *, void *context)
{
  auto *interrupted = static_cast<ucontext_t *>(context);
  greg_t *registers = interrupted->uc_mcontext.gregs;
  const auto pc = static_cast<uint64_t>(registers[REG_RIP]);
  if (pc >= reinterpret_cast<uint64_t>(__executable_start) &&
      pc < reinterpret_cast<uint64_t>(etext))
    return;
  keep_trap_unblocked(registers);
  const uint64_t mask = interrupted->uc_sigmask.__val[0];
  const bool blocked = (mask & bit(SIGUSR2)) != 0;
  uint64_t *back = blocked ? called_from(registers) : nullptr;
  if (back)
    pass_over(back);
  last_pc = pc;
  last_sp = static_cast<uint64_t>(registers[REG_RSP]);
  if (!current->visit(*current, {pc, blocked}) || back)
    registers[REG_EFL] &= ~0x100;
}

void step_init()
{
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  if (sigaction(SIGTRAP, &action, nullptr) != 0)
    abort();
}

__attribute__((noipa)) long stepped(Stepping &stepping, versioned_fn *function,
                                    callback_fn *callback)
{
  stepping.outer = current;
  current = &stepping;
  trap_flag_on();
  const long answer = function(callback);
  trap_flag_off();
  current = stepping.outer;
  return answer;
}

void step_forget()
{
  current = nullptr;
}

int step_depth()
{
  int depth = 0;
  for (const Stepping *s = current; s; s = s->outer)
    depth++;
  return depth;
}
