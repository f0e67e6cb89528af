/*
 * stop FILE THREADS busy|asleep: a target that sees its own stops. Its first thread reads the clock
 * without pause, or sleeps 50 us again and again; the other ones sleep in read(2). It notes every
 * gap above 5 us (above its sleep), and by the kernel's counts of its context switches what the gap
 * was: a stop is one that the thread made itself (`stops`), a time slice of somebody else's is not
 * (`slices`). FILE is shared with the driver. Ends when its standard input does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { GAPS = 65536, SLEEP_NS = 50000, GAP_NS = 5000, LOOKS = 4096 };

int bench_answer(void);

struct gap {
  int64_t start, length, stops, slices; /* CLOCK_MONOTONIC, ns */
};
struct shared {
  volatile int64_t ready, count;
  struct gap gaps[GAPS];
};

static int64_t now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *sleeper(void *pipe_end)
{
  char byte;
  while (read((int)(intptr_t)pipe_end, &byte, 1) == 1)
    ;
  return NULL;
}

int main(int argc, char **argv)
{
  int fd = argc == 4 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
  if (fd < 0 || ftruncate(fd, sizeof(struct shared)) != 0)
    return 2;
  struct shared *s =
      mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  int ends[2];
  if (s == MAP_FAILED || pipe(ends) != 0)
    return 2;
  for (int i = atoi(argv[2]); i > 1; i--) {
    pthread_t t;
    if (pthread_create(&t, NULL, sleeper, (void *)(intptr_t)ends[0]) != 0)
      return 2;
  }
  const bool asleep = strcmp(argv[3], "asleep") == 0;
  const struct timespec nap = {0, SLEEP_NS};
  const int64_t usual = asleep ? SLEEP_NS : 0;
  struct pollfd in = {.fd = 0, .events = POLLIN};
  struct rusage before, after;
  prctl(PR_SET_TIMERSLACK, 1);
  bench_answer();
  s->ready = 1;
  getrusage(RUSAGE_THREAD, &before);
  int64_t last = now();
  for (unsigned round = 1;; round++) {
    if (asleep)
      nanosleep(&nap, NULL);
    const int64_t t = now();
    const bool looks = round % LOOKS == 0;
    if (t - last > GAP_NS + usual) {
      getrusage(RUSAGE_THREAD, &after);
      s->gaps[s->count % GAPS] =
          (struct gap){last, t - last - usual, after.ru_nvcsw - before.ru_nvcsw - asleep,
                       after.ru_nivcsw - before.ru_nivcsw};
      s->count++;
    } else if (!asleep && !looks) {
      last = t;
      continue;
    }
    if (looks && poll(&in, 1, 0) != 0)
      return 0;
    getrusage(RUSAGE_THREAD, &before);
    last = now(); /* what has just been done is no gap */
  }
}
