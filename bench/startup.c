/*
 * startup ROUNDS PRELOAD PROGRAM...: wall time from fork to the end of each program, without and
 * with LD_PRELOAD=PRELOAD, in turn; the first round does not count. Prints the medians in us, two
 * for each program.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 2000, PROGRAMS = 4 };

static double times[2 * PROGRAMS][MOST];

static double run(char *program, const char *preload)
{
  struct timespec a, b;
  int status;
  clock_gettime(CLOCK_MONOTONIC, &a);
  pid_t child = vfork();
  if (child == 0) {
    char *arguments[] = {program, NULL}, *environment[] = {(char *)preload, NULL};
    close(1);
    execve(program, arguments, environment);
    _exit(127);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    exit(2);
  clock_gettime(CLOCK_MONOTONIC, &b);
  return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  int rounds = argc > 3 ? atoi(argv[1]) : 0, programs = argc - 3;
  char preload[4096];
  if (rounds < 1 || rounds > MOST || programs > PROGRAMS)
    return 2;
  snprintf(preload, sizeof preload, "LD_PRELOAD=%s", argv[2]);
  for (int i = -1; i < rounds; i++)
    for (int p = 0; p < 2 * programs; p++) {
      double us = run(argv[3 + p / 2], p % 2 ? preload : NULL);
      if (i >= 0)
        times[p][i] = us;
    }
  for (int p = 0; p < 2 * programs; p++) {
    qsort(times[p], (size_t)rounds, sizeof times[p][0], ascending);
    printf("%.0f ", times[p][rounds / 2]);
  }
  printf("\n");
  return 0;
}
