#include "run.h"

#include <dlfcn.h>
#include <unistd.h>

thread_local Run *the_run;

void expect(Run &run, bool holds, const char *what, long value)
{
  static const char *const stacks[STACKS] = {"same", "below", "above"};
  if (holds)
    return;
  Dl_info info = {};
  dladdr(reinterpret_cast<void *>(run.pc), &info);
  failures++;
  say("FAIL %s, %s at %s boundary %d of %s, stack %s: %s+%#lx (%s), sp %s, universe %d, %s: %s: "
      "%ld\n",
      run.is_child ? "child" : "run", run.action->name, run.in_c ? "C" : "assembly", run.want,
      run.path->name, stacks[run.stack], info.dli_fname ? info.dli_fname : "",
      run.pc - reinterpret_cast<uint64_t>(info.dli_fbase), region_names[run.region],
      run.found.inside() ? "set" : "0", static_cast<int>(run.found.universe),
      run.called ? "called back" : "not called back", what, value);
}

static void nothing() {}

long plain_call()
{
  return twice(nothing);
}

void in_callback()
{
  Run &run = *the_run;
  run.called = true;
  expect(run, block().inside() && block().has_universe(), "inside without a universe", 0);
  if (run.changes_in_callback)
    change_to(newest > 1 ? newest - 2 : 1);
}

/* libpulp.so, libc, a patch: thousands of instructions, whose order is gcc's choice. */
static bool is_c(Region region)
{
  return region == RUNTIME || region == ELSEWHERE;
}

bool visit(Stepping &, const Boundary &boundary)
{
  Run &run = *the_run;
  const Region region = region_of(boundary.pc);
  if (is_c(region) != run.in_c || ++run.passed != run.want)
    return true;
  run.skipped = boundary.blocked;
  if (run.skipped)
    return false;
  run.pc = boundary.pc;
  run.region = region;
  run.found = block();
  run.acted = true;
  run.action->act(run);
  return false;
}

static void finish(Run &run)
{
  if (run.path->finish)
    run.path->finish(run);
}

/* Nothing of the call is left behind, and the next one is an outermost one. */
static void check_outside(Run &run)
{
  finish(run);
  /* Healed at the next entry; that all contested calls have returned is noticed there as well. */
  if (run.path->leaves_a_claim || run.path->finish)
    plain_call();
  expect(run, block().is_outside(), "left inside", static_cast<long>(block().universe));
  expect(run, untracked_version() == newest, "untracked code sees", untracked_version());
  const long answer = plain_call();
  expect(run, answer == newest, "the next call sees", answer);
  expect(run, block().is_outside(), "inside after the next call", block().universe);
}

namespace
{
struct Guard {
  Run &run;
  ~Guard()
  {
    finish(run);
    if (!run.action->ends_thread || !run.acted)
      return;
    run.cleaned_up = true;
    check_outside(run);
  }
};
} // namespace

static void go(Run &run)
{
  Guard guard{run};
  if (sigsetjmp(run.home, 1) == 0) {
    try {
      const long answer = run.path->go(run);
      expect(run,
             (run.may_see_before && answer == run.before) ||
                 (run.may_see_newest && answer == newest),
             "the stepped call sees", answer);
    } catch (const Thrown &) {
    }
  }
  step_forget();
  if (!run.action->ends_thread)
    check_outside(run);
  if (run.is_child)
    _exit(failures == 0 ? 0 : 1);
}

void *run_thread(void *argument)
{
  the_run = static_cast<Run *>(argument);
  if (!the_run->path->is_first)
    plain_call();
  go(*the_run);
  return nullptr;
}
