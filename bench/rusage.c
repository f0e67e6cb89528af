/*
 * rusage COMMAND [ARG ...]: runs it and writes "<wall ns> <peak resident set in KiB> <processor
 * time in us>" to descriptor 3.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long microseconds(struct timeval t)
{
  return t.tv_sec * 1000000L + t.tv_usec;
}

int main(int argc, char **argv)
{
  if (argc < 2)
    return 2;
  long long start = now();
  pid_t child = fork();
  if (child == 0) {
    close(3);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  int status;
  struct rusage use;
  if (child < 0 || wait4(child, &status, 0, &use) != child)
    return 2;
  long long end = now();
  dprintf(3, "%lld %ld %ld", end - start, use.ru_maxrss,
          microseconds(use.ru_utime) + microseconds(use.ru_stime));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
