/*
 * stop FILE SLEEPERS: a target that sees its own stops. The main thread reads the clock without pause and
 * notes every gap above 5 us; SLEEPERS more threads sleep in read(2). FILE is shared with the driver:
 * {ready, count, gaps[65536] {start ns, length ns}}, CLOCK_MONOTONIC. Ends when its standard input does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int bench_answer(void);

struct gap {
  int64_t start, length;
};
struct shared {
  volatile int64_t ready, count;
  struct gap gaps[65536];
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
  int fd = argc == 3 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
  if (fd < 0 || ftruncate(fd, sizeof(struct shared)) != 0)
    return 2;
  struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  int ends[2];
  if (s == MAP_FAILED || pipe(ends) != 0)
    return 2;
  for (int i = atoi(argv[2]); i > 0; i--) {
    pthread_t t;
    if (pthread_create(&t, NULL, sleeper, (void *)(intptr_t)ends[0]) != 0)
      return 2;
  }
  struct pollfd in = {.fd = 0, .events = POLLIN};
  int64_t last = now();
  bench_answer();
  s->ready = 1;
  for (unsigned round = 0;; round++) {
    int64_t t = now();
    if (t - last > 5000) {
      s->gaps[s->count % 65536] = (struct gap){last, t - last};
      s->count++;
    }
    last = t;
    if (round % 65536 == 0) { /* asks without sleeping, and forgets the time that takes */
      if (poll(&in, 1, 0) != 0)
        return 0;
      last = now();
    }
  }
}
