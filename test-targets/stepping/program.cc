/*
 * Does every action at every boundary of every path, with every stack: see run.h. What it needs
 * from the test it says on a line, and waits for an answer:
 *   be N   N patches are applied, and all that is older has been forgotten
 *   to N   one patch comes or goes, whoever is inside
 * Then, or FAIL:
 *   did PATH; ACTION; STACK; BOUNDARIES; BOUNDARIES IN C
 *   stood REGION OFFSET...   where it has acted; at last `end`
 */
#include "run.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <set>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int newest = 1, failures;
enum { MAX_FAILURES = 20 };

void say(const char *format, ...)
{
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int size = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (write(STDOUT_FILENO, line, static_cast<size_t>(size)) != size)
    abort();
}

/* ---- patches */

static void ask(const char *what, int patches)
{
  char c = 0;
  say("%s %d\n", what, patches);
  while (c != '\n')
    if (read(STDIN_FILENO, &c, 1) != 1 && errno != EINTR)
      abort();
  newest = 1 + patches;
}

void change_to(int patches)
{
  ask("to", patches);
}

/* A thread that is inside since before the patches. */
static sem_t is_inside, may_leave;
static pthread_t dweller;

static void *dwell(void *)
{
  twice([] {
    sem_post(&is_inside);
    sem_wait(&may_leave);
  });
  return nullptr;
}

static bool has_dweller, is_changed = true;

static void end_dweller()
{
  if (!has_dweller)
    return;
  sem_post(&may_leave);
  pthread_join(dweller, nullptr);
  has_dweller = false;
}

static void change_for(const Path &path)
{
  if (!is_changed && has_dweller == path.has_dweller && newest == 1 + path.patches)
    return;
  end_dweller();
  ask("be", 0);
  if (path.has_dweller) {
    pthread_create(&dweller, nullptr, dwell, nullptr);
    sem_wait(&is_inside);
    has_dweller = true;
  }
  for (int i = 1; i <= path.patches; i++)
    ask("to", i);
  is_changed = false;
}

/* ---- cancellation, by a thread of its own, delivered at the boundary: when the handler returns */

static sem_t please_cancel;
static std::atomic<pthread_t> to_cancel;

static void *cancel_others(void *)
{
  for (;;) {
    sem_wait(&please_cancel);
    pthread_cancel(to_cancel);
    to_cancel = 0;
  }
}

void cancel(Run &)
{
  const int SIGCANCEL = __SIGRTMIN;
  const uint64_t mask = 1UL << (SIGCANCEL - 1);
  int old;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, nullptr, sizeof mask);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
  to_cancel = pthread_self();
  sem_post(&please_cancel);
  while (to_cancel != 0)
    sched_yield();
}

/* ---- threads: their own stack between two alternate ones, with gaps between */

enum { ALTERNATE = 256 << 10, OWN = 512 << 10, GAP = 64 << 10 };
static const size_t STACKS_BYTES = 2 * (ALTERNATE + GAP) + OWN;
static char *stacks;

static void make_stacks()
{
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  stacks = static_cast<char *>(mmap(nullptr, STACKS_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0));
  mprotect(stacks + ALTERNATE, GAP, PROT_NONE);
  mprotect(stacks + ALTERNATE + GAP + OWN, GAP, PROT_NONE);
}

static void *with_stack(void *argument)
{
  const Run &run = *static_cast<Run *>(argument);
  stack_t alternate = {};
  alternate.ss_sp = stacks + (run.stack == BELOW ? 0 : ALTERNATE + OWN + 2 * GAP);
  alternate.ss_size = ALTERNATE;
  if (run.stack != SAME)
    sigaltstack(&alternate, nullptr);
  return run_thread(argument);
}

static void do_one(Run &run)
{
  const int slots = taken_slots();
  pthread_attr_t attributes;
  pthread_t thread;
  void *result;
  run.before = newest;
  madvise(stacks, STACKS_BYTES, MADV_DONTNEED); /* as new ones are: slots are used again */
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stacks + ALTERNATE + GAP, OWN);
  if (pthread_create(&thread, &attributes, with_stack, &run) != 0)
    abort();
  pthread_join(thread, &result);
  is_changed |= newest != run.before;
  expect(run, taken_slots() == slots, "slots lost", taken_slots() - slots);
  if (!run.action->ends_thread || !run.acted)
    return;
  expect(run, result == PTHREAD_CANCELED, "the thread was not ended", 0);
  expect(run, run.cleaned_up, "nothing was cleaned up", 0);
}

static int stride;      /* through code of gcc's, in boundaries */
static int combination; /* of path, action and stack */
static std::set<uint64_t> stood[REGIONS];

static int do_at(const Path &path, const Action &action, Stack stack, bool in_c)
{
  int acted = 0;
  const int step = in_c ? stride : 1;
  for (int want = 1 + combination % step; failures <= MAX_FAILURES; want += step) {
    change_for(path);
    Run run{&path, &action, stack, in_c, want};
    do_one(run);
    if (!run.acted && !run.skipped)
      break;
    acted += run.acted;
    if (run.acted)
      stood[run.region].insert(offset_of(run.pc));
  }
  return acted;
}

static void do_all(const Path &path, const Action &action, Stack stack)
{
  const int assembly = do_at(path, action, stack, false);
  const int c = do_at(path, action, stack, true);
  say("did %s; %s; %d; %d; %d\n", path.name, action.name, stack, assembly, c);
  combination++;
}

static void say_where()
{
  for (int region = 0; region < REGIONS; region++) {
    say("stood %s", region_names[region]);
    for (uint64_t offset : stood[region])
      say(" %lu", offset);
    say("\n");
  }
}

/* A change takes long: what makes one is done with one stack, unless everything is wanted. */
static bool is_wanted(const Path &path, const Action &action, Stack stack)
{
  if (path.changes && action.changes)
    return false;
  return stride == 1 || stack == SAME || !(path.changes || action.changes);
}

int main(int argc, char **argv)
{
  void *address;
  pthread_t thread;
  backtrace(&address, 1); /* loads what it needs */
  process_init();
  step_init();
  make_stacks();
  pthread_create(&thread, nullptr, cancel_others, nullptr);
  plain_call();
  tail([] {});
  say("ready\n");
  stride = atoi(argv[1]);
  for (const Path *path = paths; path->name; path++)
    for (const Action *action = actions; action->name; action++)
      for (Stack stack : {SAME, BELOW, ABOVE})
        if ((argc < 3 || strcmp(argv[2], path->name) == 0) &&
            (argc < 4 || strcmp(argv[3], action->name) == 0) && is_wanted(*path, *action, stack))
          do_all(*path, *action, stack);
  end_dweller();
  say_where();
  say("end\n");
  return 0;
}
