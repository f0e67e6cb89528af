/* What a signal handler does at a boundary. */
#include "run.h"

#include <execinfo.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

/* ---- unwind */

struct Walk {
  int ends = 0, calls = 0, depth = 0;
};

static _Unwind_Reason_Code count(_Unwind_Context *context, void *argument)
{
  auto *walk = static_cast<Walk *>(argument);
  int before = 0;
  uint64_t ip = _Unwind_GetIPInfo(context, &before);
  void *function = _Unwind_FindEnclosingFunction(reinterpret_cast<void *>(ip + (before ? 1 : 0)));
  walk->ends += function == reinterpret_cast<void *>(run_thread);
  walk->calls += function == reinterpret_cast<void *>(stepped);
  return ++walk->depth > 100 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void unwind(Run &run)
{
  Walk walk;
  void *addresses[100];
  _Unwind_Backtrace(count, &walk);
  int ends = 0;
  for (int i = backtrace(addresses, 100); i-- > 0;)
    ends += _Unwind_FindEnclosingFunction(addresses[i]) == reinterpret_cast<void *>(run_thread);
  expect(run, ends == walk.ends, "backtrace() sees the thread's function", ends);
  expect(run, walk.ends == 1 && walk.calls == step_depth(), "an unwinder sees frames", walk.depth);
}

/* ---- calls of the library, and patches that come and go */

static void call(Run &run)
{
  const Block at = block();
  const long answer = plain_call();
  const bool sees_newest = !at.inside() || !at.has_universe() || run.path->changes;
  const bool holds = answer == (sees_newest ? newest : run.before) ||
                     (run.path->leaves_a_claim && answer == newest);
  expect(run, holds, "the handler's call sees", answer);
}

static void patch(Run &run)
{
  const bool has_begun = run.called || run.found.has_universe();
  /* A stale claim has a universe too, and may be healed by anybody. */
  const bool may_move = !run.called && run.path->leaves_a_claim;
  run.may_see_before = has_begun;
  run.may_see_newest = !has_begun || may_move;
  change_to(run.path->patches == 0 ? 1 : run.path->patches - 1);
  call(run);
}

static void patch_later(Run &run)
{
  call(run);
  run.may_see_newest = false;
  run.changes_in_callback = !run.called;
}

static void fork_child(Run &run)
{
  const pid_t child = fork();
  run.is_child = child == 0;
  if (run.is_child)
    failures = 0;
  call(run);
  if (run.is_child)
    return; /* the child goes on to the end of the call, and to all checks */
  int status = -1;
  waitpid(child, &status, 0);
  expect(run, status == 0, "child ended", status);
}

/* ---- ways out */

static void throw_out(Run &)
{
  throw Thrown();
}

static void jump_out(Run &run)
{
  siglongjmp(run.home, 1);
}
static void call_and_jump_out(Run &run)
{
  call(run);
  jump_out(run);
}
static void exit_thread(Run &)
{
  pthread_exit(PTHREAD_CANCELED);
}

const Action actions[] = {
    /* name           act               ends   changes */
    {"unwind", unwind, false, false},
    {"call", call, false, false},
    {"patch", patch, false, true},
    {"patch later", patch_later, false, true},
    {"throw", throw_out, false, false},
    {"jump", jump_out, false, false},
    {"call and jump", call_and_jump_out, false, false},
    {"cancel", cancel, true, false},
    {"exit", exit_thread, true, false},
    {"fork", fork_child, false, false},
    {nullptr, nullptr, false, false},
};
