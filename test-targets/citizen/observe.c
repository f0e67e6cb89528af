/*
 * Prints what a program can see of itself when main begins, a line each: in a process with
 * libpulp.so the same as in one without. In the end "ok".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

static void signals(void)
{
  struct sigaction action;
  sigset_t mask, pending;
  stack_t stack;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  sigpending(&pending);
  for (int i = 1; i < NSIG; i++) {
    bool known = sigaction(i, NULL, &action) == 0;
    printf("signal %d: %d %p %x %d %d\n", i, known, known ? (void *)action.sa_handler : NULL,
           known ? action.sa_flags : 0, sigismember(&mask, i), sigismember(&pending, i));
  }
  sigaltstack(NULL, &stack);
  printf("alternate stack: %p %d %zu\n", stack.ss_sp, stack.ss_flags, stack.ss_size);
}

static void limits(void)
{
  for (int i = 0; i < RLIM_NLIMITS; i++) {
    struct rlimit limit;
    getrlimit((__rlimit_resource_t)i, &limit);
    printf("limit %d: %lx %lx\n", i, limit.rlim_cur, limit.rlim_max);
  }
}

static void entries(const char *name)
{
  struct dirent *entry;
  DIR *directory = opendir(name);
  int count = 0;
  while ((entry = readdir(directory)))
    count += entry->d_name[0] != '.';
  closedir(directory);
  printf("%s: %d\n", name, count);
}

static void kernel(void)
{
  struct itimerval timer;
  struct sched_param priority;
  char name[17] = "";
  cpu_set_t processors;
  prctl(PR_GET_NAME, name);
  getitimer(ITIMER_REAL, &timer);
  sched_getparam(0, &priority);
  sched_getaffinity(0, sizeof processors, &processors);
  printf("name %s, dumpable %d, keepcaps %d, no new privileges %d, seccomp %d, subreaper %d\n",
         name, prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS),
         prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECCOMP),
         prctl(PR_GET_CHILD_SUBREAPER));
  printf("timer %ld, policy %d, priority %d, nice %d, processors %d, slack %d\n",
         timer.it_value.tv_sec + timer.it_value.tv_usec, sched_getscheduler(0),
         priority.sched_priority, getpriority(PRIO_PROCESS, 0), CPU_COUNT(&processors),
         prctl(PR_GET_TIMERSLACK));
  printf("umask %o\n", umask(022));
}

/* All that has a name, but for libpulp.so and what it needs. */
static void mappings(void)
{
  char line[4200], permissions[5], name[4097];
  FILE *maps = fopen("/proc/self/maps", "re");
  while (fgets(line, sizeof line, maps))
    if (sscanf(line, "%*s %4s %*s %*s %*s %4096s", permissions, name) == 2 &&
        !strstr(name, "libpulp.so") && !strstr(name, "libgcc_s.so"))
      printf("mapping %s %s\n", permissions, name);
  fclose(maps);
}

static void numbers(void)
{
  unsigned mxcsr;
  unsigned short control;
  __asm__("stmxcsr %0" : "=m"(mxcsr));
  __asm__("fnstcw %0" : "=m"(control));
  printf("mxcsr %x, x87 %x\n", mxcsr, control);
}

int main(void)
{
  int error = errno;
  printf("errno %d\nlocale %s\n", error, setlocale(LC_ALL, NULL));
  for (char **word = environ; *word; word++)
    if (strncmp(*word, "LD_PRELOAD=", 11) != 0)
      printf("environment %s\n", *word);
  signals();
  limits();
  entries("/proc/self/fd");
  entries("/proc/self/task");
  kernel();
  numbers();
  mappings();
  printf("main thread %d\n", getpid() == gettid());
  printf("buffers %d %d %d\n", fileno(stdin), fileno(stdout), fileno(stderr));
  puts("ok");
  return 0;
}
