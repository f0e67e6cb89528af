/*
 * What a call costs: into a plain library and into a live-patchable one, from outside and from inside a
 * callback (nested), in pairs, in one process. Reads lines; `measure ROUNDS` prints the four medians in ns:
 * plain, live, plain nested, live nested.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int plain_empty(void);
int live_empty(void);
void plain_call(void (*callback)(void));
void live_call(void (*callback)(void));

enum { CALLS = 4 * 1000 * 1000, MOST = 200 };

static double per_call; /* ns */

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The same loop twice, so that both are alike to the last instruction. */
#define LOOP(name)                             \
  static void loop_##name(void)                \
  {                                            \
    double start = now();                      \
    for (int i = 0; i < CALLS; i++)            \
      name##_empty();                          \
    per_call = (now() - start) / (double)CALLS; \
  }
LOOP(plain)
LOOP(live)

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count)
{
  qsort(values, (size_t)count, sizeof *values, ascending);
  return values[count / 2];
}

static void measure(int rounds)
{
  static double plain[MOST], live[MOST], plain_nested[MOST], live_nested[MOST];
  for (int i = 0; i < rounds; i++) {
    loop_plain();
    plain[i] = per_call;
    loop_live();
    live[i] = per_call;
    plain_call(loop_plain);
    plain_nested[i] = per_call;
    live_call(loop_live);
    live_nested[i] = per_call;
  }
  printf("%.3f %.3f %.3f %.3f\n", median(plain, rounds), median(live, rounds),
         median(plain_nested, rounds), median(live_nested, rounds));
  fflush(stdout);
}

int main(void)
{
  char line[64];
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(1, &set);
  sched_setaffinity(0, sizeof set, &set);
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    int rounds = 0;
    if (sscanf(line, "measure %d", &rounds) == 1 && rounds > 0 && rounds <= MOST)
      measure(rounds);
  }
  return 0;
}
