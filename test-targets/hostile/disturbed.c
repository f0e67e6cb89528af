/*
 * Processes that are traced by their own, stopped and interrupted without pause, and change while
 * they are looked at.
 */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t helper;
static int wakes[2];

static void kill_helper(void)
{
  kill(helper, SIGKILL);
  waitpid(helper, NULL, 0);
}

/*
 * A child that runs `work` until its parent ends, or calls for calm; says on a pipe when it has
 * begun.
 */
static void with_helper(void (*work)(pid_t parent, int begun))
{
  int begun[2];
  char byte;
  pid_t parent = getpid();
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  if (pipe(begun))
    abort();
  helper = fork();
  if (helper == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work(parent, begun[1]);
    _exit(1);
  }
  calm = kill_helper;
  if (read(begun[0], &byte, 1) != 1)
    abort();
}

static void say_begun(int begun)
{
  if (write(begun, "x", 1) != 1)
    abort();
}

static void trace_and_wait(pid_t tid, int begun)
{
  if (ptrace(PTRACE_SEIZE, tid, 0, 0))
    _exit(1);
  say_begun(begun);
  for (;;)
    pause();
}

static void traced_by_child(char **unused)
{
  (void)unused;
  with_helper(trace_and_wait);
}

static volatile pid_t sibling;

static void *be_sibling(void *unused)
{
  char byte;
  sibling = syscall(SYS_gettid);
  while (read(wakes[0], &byte, 1) < 0)
    continue;
  return unused;
}

static void start_sibling(void)
{
  if (pipe(wakes))
    abort();
  start(be_sibling, NULL);
  while (!sibling)
    continue;
}

static void trace_sibling(pid_t parent, int begun)
{
  (void)parent;
  trace_and_wait(sibling, begun);
}

static void sibling_traced(char **unused)
{
  (void)unused;
  start_sibling();
  with_helper(trace_sibling);
}

/* Its tracer never asks for the sibling that has ended, and says ready when that is the case. */
static void hold_exec(pid_t parent, int begun)
{
  char path[64], text[512];
  int file;
  if (ptrace(PTRACE_SEIZE, sibling, 0, 0))
    _exit(1);
  say_begun(begun);
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", parent, sibling);
  do {
    file = open(path, O_RDONLY);
    text[read(file, text, sizeof text - 1)] = '\0';
    close(file);
  } while (!strstr(text, ") Z "));
  puts("ready");
  fflush(stdout);
  for (;;)
    pause();
}

/*
 * An execve(2) that waits for a thread to be gone, for ever: meanwhile ptrace(2) keeps whoever
 * would attach waiting.
 */
static void exec_held(char **unused)
{
  (void)unused;
  start_sibling();
  with_helper(hold_exec);
  execl("/bin/cat", "cat", NULL);
}

static volatile int enough;

static void be_enough(int signal)
{
  (void)signal;
  enough = 1;
}

static void stop_and_continue(pid_t parent, int begun)
{
  signal(SIGTERM, be_enough);
  say_begun(begun);
  while (!enough) {
    kill(parent, SIGSTOP);
    kill(parent, SIGCONT);
  }
  _exit(0);
}

/* Not by SIGKILL: between its two signals nobody would continue this process. */
static void end_helper(void)
{
  kill(helper, SIGTERM);
  waitpid(helper, NULL, 0);
}

static void stopped_and_continued(char **unused)
{
  (void)unused;
  with_helper(stop_and_continue);
  calm = end_helper;
}

static volatile int handled;

static void count(int signal)
{
  (void)signal;
  handled++;
}

static volatile int flooding = 1;

/*
 * A thousand at a time, then again when they have been handled: in between, the thread gets some
 * work done.
 */
static void *flood(void *tid)
{
  for (int sent = 0; flooding; sched_yield())
    for (int goal = sent == handled ? sent + 1000 : 0; flooding && sent < goal;)
      sent += !syscall(SYS_tgkill, getpid(), (pid_t)(long)tid, SIGRTMIN);
  return NULL;
}

static void stop_flood(void)
{
  flooding = 0;
}

/* Of real-time signals each one is kept and delivered. */
static void flooded(char **unused)
{
  (void)unused;
  sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = count, .sa_flags = SA_RESTART}, NULL);
  start(flood, (void *)syscall(SYS_gettid));
  calm = stop_flood;
}

/* Maps and unmaps memory and the library, as code, all over the place. */
static void *remap(void *library)
{
  int file = open(library, O_RDONLY);
  while (flooding) {
    void *places[64];
    for (int i = 0; i < 64; i++)
      places[i] = i % 2 ? mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                        : mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    for (int i = 0; i < 64; i++)
      munmap(places[i], 8192);
  }
  return NULL;
}

static void mappings_change(char **arguments)
{
  start(remap, arguments[0]);
  calm = stop_flood;
}

/*
 * Children that look as their parent does, and are gone at once: never more than ten, and so many
 * in all.
 */
static void bear(pid_t parent, int begun)
{
  (void)parent;
  say_begun(begun);
  for (int born = 0, alive = 0; born < 5000; born++) {
    if (fork() == 0)
      _exit(0);
    for (alive++; alive > 10; alive--)
      wait(NULL);
  }
  for (;;)
    pause();
}

static void look_alikes(char **unused)
{
  (void)unused;
  with_helper(bear);
}

const struct mode modes[] = {
    {"traced-by-child", traced_by_child},
    {"sibling-traced", sibling_traced},
    {"exec-held", exec_held},
    {"stopped-and-continued", stopped_and_continued},
    {"flooded", flooded},
    {"mappings-change", mappings_change},
    {"look-alikes", look_alikes},
    {NULL, NULL},
};
