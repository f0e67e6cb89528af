/* At a line of input it executes cat, while a child that shares its memory keeps that alive. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static char stack[1 << 16];

static int keep(void *unused)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;)
    pause();
  return unused != NULL;
}

int main(void)
{
  setvbuf(stdin, NULL, _IONBF, 0);
  printf("ready\n");
  fflush(stdout);
  if (getchar() == EOF || getchar() == EOF)
    return 1;
  if (clone(keep, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL) < 0)
    return 1;
  execl("/bin/cat", "cat", (char *)NULL);
  return 1;
}
