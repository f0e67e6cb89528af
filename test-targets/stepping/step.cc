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
  if (!current->visit(*current, {pc, (mask & bit(SIGUSR2)) != 0}))
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
