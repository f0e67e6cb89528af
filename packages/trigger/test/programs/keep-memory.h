/*
 * A child that shares this process's memory, and keeps it alive when the process executes another
 * program.
 */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

static int stay(void *unused)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;)
    pause();
  return unused != NULL;
}

/* 0; -1 if there can be none. */
static int keep_memory(void)
{
  static char stack[1 << 16];
  return clone(stay, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL) < 0 ? -1 : 0;
}
