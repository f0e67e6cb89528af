/* The ways in and out that are stepped through. */
#include "run.h"

#include <csignal>
#include <pthread.h>

static thread_local long inner_answer;

static long outermost(Run &)
{
  Stepping stepping{visit};
  return stepped(stepping, twice, in_callback);
}

static long by_tail_call(Run &)
{
  Stepping stepping{visit};
  return stepped(stepping, tail, in_callback);
}

/* ---- within a call that is not stepped */

static void call_again()
{
  Stepping stepping{visit};
  inner_answer = stepped(stepping, twice, in_callback);
}

static long nested(Run &run)
{
  const long outer = twice(call_again);
  expect(run, outer == run.before, "the call around it sees", outer);
  return inner_answer;
}

/* ---- from a handler that has interrupted an entry between its claim and its universe: help */

static bool visit_window(Stepping &, const Boundary &)
{
  const Block at = block();
  if (!at.inside() || at.has_universe())
    return true;
  call_again();
  return false;
}

static long help_from(Run &run, bool (*window)(Stepping &, const Boundary &))
{
  Stepping stepping{window};
  inner_answer = 0;
  const long outer = stepped(stepping, twice, [] {});
  expect(run, outer == inner_answer || outer == newest, "the helped call sees", outer);
  return inner_answer;
}

static long help(Run &run)
{
  return help_from(run, visit_window);
}

/* The same, when the interrupted entry has read its universe, and a patch has come since. */
static bool visit_window_late(Stepping &, const Boundary &boundary)
{
  const Block at = block();
  if (!at.inside() || at.has_universe() || region_of(boundary.pc) != SLOT ||
      offset_of(boundary.pc) == 0)
    return true;
  change_to(newest);
  call_again();
  return false;
}

static long help_late(Run &run)
{
  return help_from(run, visit_window_late);
}

/* ---- after a call that was left by a jump that nobody can see */

static thread_local void *home[5];

static void jump_away()
{
  __builtin_longjmp(home, 1);
}

static __attribute__((noipa)) void leave_a_claim()
{
  volatile char *deeper = static_cast<volatile char *>(__builtin_alloca(4096));
  *deeper = 0;
  if (__builtin_setjmp(home) == 0)
    twice(jump_away);
}

static long after_a_jump(Run &run)
{
  leave_a_claim();
  plain_call(); /* heals it, and finds out where this stack lies: too many steps for what follows */
  leave_a_claim();
  return outermost(run);
}

static bool stop_stepping(Stepping &, const Boundary &)
{
  return false;
}

/* The word of the call that is gone is that of the next one. */
static __attribute__((noipa)) long at_its_place(Run &)
{
  Stepping gone{stop_stepping}, stepping{visit};
  if (__builtin_setjmp(home) == 0)
    stepped(gone, twice, jump_away);
  step_forget();
  return stepped(stepping, twice, in_callback);
}

/* ---- in a handler, above which others come */

static void enter_in_handler(int)
{
  Stepping stepping{visit};
  inner_answer = stepped(stepping, twice, in_callback);
}

static long in_a_handler(Run &)
{
  struct sigaction action = {};
  action.sa_handler = enter_in_handler;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  pthread_kill(pthread_self(), SIGUSR1);
  return inner_answer;
}

/*
 * ---- on the thread's own stack, while a coroutine is suspended inside of the library
 *
 * Nobody sees its switches. So the first call on the thread's own stack makes the block contested,
 * and that call and all others get a slot each, until all of them have returned.
 */

extern "C" void switch_stacks(void **from, void *to);
__asm__(".text\n"
        "switch_stacks: .cfi_startproc\n"
        "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "movq %rsp, (%rdi); movq %rsi, %rsp\n"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret\n"
        ".cfi_endproc\n");

/* One at a time, as there is one run at a time. */
static struct {
  void *sp; /* where it is suspended; NULL: it has ended, or not begun */
  void *back;
  long answer;
  alignas(16) char stack[64 << 10];
} coroutine;

static void suspend()
{
  switch_stacks(&coroutine.sp, coroutine.back);
}

static void be_suspended_inside()
{
  void *never;
  coroutine.answer = twice(suspend);
  coroutine.sp = nullptr;
  switch_stacks(&never, coroutine.back);
}

static void begin_coroutine()
{
  auto **sp = reinterpret_cast<void **>(coroutine.stack + sizeof coroutine.stack);
  *--sp = nullptr; /* it never returns; and a function begins 8 bytes off alignment */
  *--sp = reinterpret_cast<void *>(be_suspended_inside);
  sp -= 6; /* registers that mean nothing yet */
  switch_stacks(&coroutine.back, sp);
}

static void finish_coroutine(Run &run)
{
  if (!coroutine.sp)
    return;
  switch_stacks(&coroutine.back, coroutine.sp);
  expect(run, coroutine.answer == run.before, "the suspended call sees", coroutine.answer);
}

static long beside_a_coroutine(Run &run)
{
  begin_coroutine();
  return outermost(run);
}

static long contested(Run &run)
{
  begin_coroutine();
  const long answer = plain_call();
  expect(run, answer == run.before, "the call that makes it contested sees", answer);
  return outermost(run);
}

static long nested_beside(Run &run)
{
  begin_coroutine();
  return nested(run);
}

const Path paths[] = {
    /* name                   patches dweller first claim changes */
    {"outermost", 0, false, false, false, false, outermost},
    {"outermost, selector", 1, false, false, false, false, outermost},
    {"outermost, stub", 2, true, false, false, false, outermost},
    {"nested", 0, false, false, false, false, nested},
    {"nested, selector", 1, false, false, false, false, nested},
    {"nested, stub", 2, true, false, false, false, nested},
    {"tail call", 0, false, false, false, false, by_tail_call},
    {"tail call, selector", 1, false, false, false, false, by_tail_call},
    {"tail call, stub", 2, true, false, false, false, by_tail_call},
    {"help", 0, false, false, false, false, help},
    {"help, stub", 2, true, false, false, false, help},
    {"help, newer patch", 0, false, false, false, true, help_late},
    {"stale claim", 0, false, false, true, false, after_a_jump},
    {"stale claim, same place", 0, false, false, true, false, at_its_place},
    {"first of the thread", 0, false, true, false, false, outermost},
    {"first of the thread, stub", 2, true, true, false, false, outermost},
    {"first, in a handler", 0, false, true, false, false, in_a_handler},
    {"first, in a handler, stub", 2, true, true, false, false, in_a_handler},
    {"beside a coroutine", 0, false, false, false, false, beside_a_coroutine, finish_coroutine},
    {"beside a coroutine, stub", 2, true, false, false, false, beside_a_coroutine,
     finish_coroutine},
    {"contested", 0, false, false, false, false, contested, finish_coroutine},
    {"beside a coroutine, nested", 0, false, false, false, false, nested_beside, finish_coroutine},
    {nullptr, 0, false, false, false, false, nullptr},
};
