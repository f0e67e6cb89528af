/*
 * What a call costs: into a plain library and into a live-patchable one, from outside and from
 * inside a callback (nested), in pairs, in one process. Reads commands, answers each with a line:
 *
 *   measure ROUNDS FUNCTIONS THREADS   ns: the plain call, then what the live one costs more,
 *                                      outermost and nested, each as 10th percentile, median, 90th
 *                                      percentile of the pairs
 *   hold, release                      another thread is inside the live-patchable library in
 *                                      between
 *   enter, leave                       the measuring thread is
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "each.h"

#define DECLARE(name, n) int GLUE(name, _##n)(void);
EACH(DECLARE, plain)
EACH(DECLARE, live)
void plain_call(void (*callback)(void));
void live_call(void (*callback)(void));

enum { CALLS = 1 << 18, MOST = 1000, THREADS = 2 };

static __thread double per_call; /* ns */

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/*
 * One function from one place, and 64 in rotation from 64 places; plain and live are alike to the
 * last instruction.
 */
#define CALL(name, n) GLUE(name, _##n)();
#define LOOPS(name)                        \
  static void name##_one(void)             \
  {                                        \
    double start = now();                  \
    for (int i = 0; i < CALLS; i++)        \
      name##_00();                         \
    per_call = (now() - start) / CALLS;    \
  }                                        \
  static void name##_all(void)             \
  {                                        \
    double start = now();                  \
    for (int i = 0; i < CALLS / 64; i++) { \
      EACH(CALL, name)                     \
    }                                      \
    per_call = (now() - start) / CALLS;    \
  }
LOOPS(plain)
LOOPS(live)

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(double *values, int count, double q)
{
  qsort(values, (size_t)count, sizeof *values, ascending);
  return values[(int)(q * (count - 1) + 0.5)];
}

static struct {
  int rounds, functions, threads;
  pthread_barrier_t together;
  double plain[THREADS * MOST], outermost[THREADS * MOST], nested[THREADS * MOST];
} job;

static double timed(void (*call)(void (*)(void)), void (*loop)(void))
{
  pthread_barrier_wait(&job.together);
  if (call)
    call(loop);
  else
    loop();
  return per_call;
}

static void *worker(void *number)
{
  long which = (long)number;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1 - which, &set);
  sched_setaffinity(0, sizeof set, &set);
  void (*plain)(void) = job.functions == 1 ? plain_one : plain_all;
  void (*live)(void) = job.functions == 1 ? live_one : live_all;
  for (int i = -1; i < job.rounds; i++) { /* the first does not count */
    double a = timed(NULL, plain), b = timed(NULL, live);
    double c = timed(plain_call, plain), d = timed(live_call, live);
    if (i < 0)
      continue;
    job.plain[which * job.rounds + i] = a;
    job.outermost[which * job.rounds + i] = b - a;
    job.nested[which * job.rounds + i] = d - c;
  }
  return NULL;
}

static void measure(void)
{
  pthread_t other[THREADS];
  pthread_barrier_init(&job.together, NULL, (unsigned)job.threads);
  for (long i = 1; i < job.threads; i++)
    if (pthread_create(&other[i], NULL, worker, (void *)i) != 0)
      exit(2);
  worker(NULL);
  for (int i = 1; i < job.threads; i++)
    pthread_join(other[i], NULL);
  int count = job.rounds * job.threads;
  printf("%.3f", quantile(job.plain, count, 0.5));
  for (int i = 0; i < 6; i++)
    printf(" %.3f", quantile(i < 3 ? job.outermost : job.nested, count, 0.1 + 0.4 * (i % 3)));
  printf("\n");
}

static pthread_t holder;
static int hold_ends[2], held_ends[2];

static void stay(void)
{
  char byte = 0;
  if (write(held_ends[1], &byte, 1) != 1 || read(hold_ends[0], &byte, 1) != 1)
    exit(2);
}

static void *hold(void *unused)
{
  live_call(stay);
  return unused;
}

static void serve(void)
{
  char line[64], byte = 0;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "measure %d %d %d", &job.rounds, &job.functions, &job.threads) == 3) {
      if (job.rounds < 1 || job.rounds > MOST || job.threads < 1 || job.threads > THREADS)
        exit(2);
      measure();
    } else if (strcmp(line, "hold\n") == 0) {
      if (pipe(hold_ends) != 0 || pipe(held_ends) != 0 ||
          pthread_create(&holder, NULL, hold, NULL) != 0 || read(held_ends[0], &byte, 1) != 1)
        exit(2);
      puts("held");
    } else if (strcmp(line, "release\n") == 0) {
      if (write(hold_ends[1], &byte, 1) != 1 || pthread_join(holder, NULL) != 0)
        exit(2);
      puts("released");
    } else if (strcmp(line, "enter\n") == 0) {
      puts("entered");
      fflush(stdout);
      live_call(serve);
      puts("left");
    } else if (strcmp(line, "leave\n") == 0)
      return;
    fflush(stdout);
  }
}

int main(void)
{
  puts("ready");
  fflush(stdout);
  serve();
  return 0;
}
