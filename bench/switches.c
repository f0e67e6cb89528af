/*
 * switches PAIRS: what membarrier(2)'s registration costs a process at its context switches. For
 * each way to switch, PAIRS times in turn without and with it, in a child each: the medians in ns
 * of one switch, and the median of the ratios. Then what the registration costs while the process
 * has one thread, in ns.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1000, SWITCHES = 20000, NAPS = 200 };

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void stay_on(int processor)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void enroll(void)
{
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) != 0)
    exit(3);
}

static void pass(int from, int to, bool first)
{
  char byte = 0;
  for (int i = 0; i < SWITCHES / 2; i++)
    if ((first && write(to, &byte, 1) != 1) || read(from, &byte, 1) != 1 ||
        (!first && write(to, &byte, 1) != 1))
      _exit(2);
}

/* Two processes, each with a memory of its own, that wait for each other. */
static double ping_pong(int other)
{
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0)
    exit(2);
  stay_on(0);
  pid_t child = fork();
  if (child == 0) {
    stay_on(other);
    pass(there[0], back[1], false);
    _exit(0);
  }
  double begin = now();
  pass(back[0], there[1], true);
  double took = now() - begin;
  waitpid(child, NULL, 0);
  return took / SWITCHES;
}

static double on_one(void)
{
  return ping_pong(0);
}

/* From idle and to idle, on each side. */
static double on_two(void)
{
  return ping_pong(1);
}

/* Woken by a timer out of an idle processor. */
static double nap(void)
{
  const struct timespec moment = {0, 50000};
  stay_on(1);
  double begin = now();
  for (int i = 0; i < NAPS; i++)
    nanosleep(&moment, NULL);
  return (now() - begin) / NAPS;
}

static double enrolling(void)
{
  /* Not the first call of its kind. */
  syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  double begin = now();
  enroll();
  return now() - begin;
}

static double in_child(double (*measure)(void), bool enrolled)
{
  int pipes[2];
  double result;
  if (pipe(pipes) != 0)
    exit(2);
  pid_t child = fork();
  if (child == 0) {
    if (enrolled)
      enroll();
    result = measure();
    _exit(write(pipes[1], &result, sizeof result) != sizeof result);
  }
  close(pipes[1]);
  if (read(pipes[0], &result, sizeof result) != sizeof result)
    exit(2);
  close(pipes[0]);
  waitpid(child, NULL, 0);
  return result;
}

/* The kernel's serializing instruction, where the processor has no SERIALIZE: IRET to itself. */
static double serializing(void)
{
  enum { TIMES = 100000 };
  double begin = now();
  for (int i = 0; i < TIMES; i++)
    __asm__ volatile("movq %%rsp, %%rdx\n\t"
                     "subq $128, %%rsp\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%ss, %%eax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rdx\n\t"
                     "pushfq\n\t"
                     "movl %%cs, %%eax\n\t"
                     "pushq %%rax\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "iretq\n"
                     "1:"
                     :
                     :
                     : "rax", "rdx", "memory", "cc");
  return (now() - begin) / TIMES;
}

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

static void compare(const char *name, double (*measure)(void), int pairs)
{
  static double without[MOST], with[MOST], ratio[MOST];
  for (int i = -1; i < pairs; i++) {
    /* In turn, and each first as often as the other. */
    bool first = i & 1;
    double one = in_child(measure, first), other = in_child(measure, !first);
    if (i < 0)
      continue;
    without[i] = first ? other : one;
    with[i] = first ? one : other;
    ratio[i] = with[i] / without[i];
  }
  printf("%-28s %8.0f %8.0f   x %.3f\n", name, median(without, pairs), median(with, pairs),
         median(ratio, pairs));
}

int main(int count, char **words)
{
  static double took[MOST];
  int pairs = count > 1 ? atoi(words[1]) : 0;
  if (pairs < 1 || pairs > MOST)
    return 2;
  printf("%-28s %8s %8s\n", "ns", "without", "with");
  compare("two processes, one processor", on_one, pairs);
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
    compare("two processes, two processors", on_two, pairs);
    compare("a nap of 50 us", nap, pairs);
  }
  for (int i = 0; i < pairs; i++)
    took[i] = in_child(enrolling, false);
  printf("the registration itself: %.0f ns\n", median(took, pairs));
  printf("one serializing instruction: %.0f ns\n", serializing());
  return 0;
}
