/*
 * entry-byte [SECONDS]: may the entry instruction be changed under a running caller?
 *
 * One thread calls a function without pause; another toggles its entry between a nop and a short
 * jump back. Two ways are tried at several offsets in a cache line, each in a child process:
 *
 *   one byte    a8 dd (test $dd,%al) <-> eb dd (jmp), by a plain store and by a write to
 *               /proc/self/mem
 *   two bytes   66 90 (xchg %ax,%ax) <-> eb dd, by a plain 16-bit store
 *
 *   gcc -O2 -pthread bench/entry-byte.c -o entry-byte && ./entry-byte
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum way { ONE_BYTE_STORE, ONE_BYTE_MEM, TWO_BYTE_STORE };

static const char *const NAMES[] = {"one byte, plain store", "one byte, /proc/self/mem",
                                    "two bytes, plain store"};

struct outcome {
  long toggles, calls, wrong;
};

static volatile int stop;
static int (*function)(void);
static struct outcome outcome;

static void pin(int cpu)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void *caller(void *unused)
{
  pin(0);
  while (!stop)
    for (int i = 0; i < 1000; i++, outcome.calls++) {
      int answer = function();
      outcome.wrong += answer != 0 && answer != 1;
    }
  return unused;
}

/* The function returns 0; 24 bytes before its entry lies code that returns 1. */
static uint8_t *build(int offset, enum way way)
{
  static const uint8_t body[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $0,%eax; ret */
  static const uint8_t back[] = {0xb8, 1, 0, 0, 0, 0xc3}; /* mov $1,%eax; ret */
  uint8_t *page =
      mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    exit(2);
  uint8_t *entry = page + 1024 + offset;
  entry[0] = way == TWO_BYTE_STORE ? 0x66 : 0xa8;
  entry[1] = way == TWO_BYTE_STORE ? 0x90 : (uint8_t)-24;
  memcpy(entry + 2, body, sizeof body);
  memcpy(entry + 2 - 24, back, sizeof back);
  return entry;
}

static void toggle(uint8_t *entry, enum way way, int mem, int on)
{
  uint8_t byte = on ? 0xeb : 0xa8;
  if (way == ONE_BYTE_STORE)
    *(volatile uint8_t *)entry = byte;
  else if (way == ONE_BYTE_MEM) {
    if (pwrite(mem, &byte, 1, (off_t)(uintptr_t)entry) != 1)
      exit(2);
  } else {
    uint16_t both = on ? 0xe8eb : 0x9066;
    __asm__ volatile("movw %w0, (%1)" ::"r"(both), "r"(entry) : "memory");
  }
}

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int trial(int offset, enum way way, double duration, int result)
{
  uint8_t *entry = build(offset, way);
  function = (int (*)(void))(void *)entry;
  int mem = open("/proc/self/mem", O_RDWR);
  pthread_t thread;
  if (mem < 0 || pthread_create(&thread, NULL, caller, NULL) != 0)
    return 2;
  pin(1);
  for (double end = seconds() + duration; seconds() < end;)
    for (int i = 0; i < 100; i++)
      toggle(entry, way, mem, (int)(outcome.toggles++ & 1));
  stop = 1;
  pthread_join(thread, NULL);
  return write(result, &outcome, sizeof outcome) == sizeof outcome ? 0 : 2;
}

int main(int argc, char **argv)
{
  static const int offsets[] = {0, 6, 7, 10, 15, 22, 31, 62, 63};
  double duration = argc > 1 ? atof(argv[1]) : 1;
  for (enum way way = ONE_BYTE_STORE; way <= TWO_BYTE_STORE; way++)
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
      int ends[2], status;
      if (pipe(ends) != 0)
        return 2;
      fflush(stdout);
      pid_t child = fork();
      if (child == 0)
        _exit(trial(offsets[i], way, duration, ends[1]));
      close(ends[1]);
      struct outcome seen = {0, 0, 0};
      ssize_t got = read(ends[0], &seen, sizeof seen);
      close(ends[0]);
      if (waitpid(child, &status, 0) != child)
        return 2;
      printf("%-26s entry at %2d of a cache line: ", NAMES[way], offsets[i]);
      if (WIFSIGNALED(status))
        printf("CRASHED by signal %d\n", WTERMSIG(status));
      else if (got == sizeof seen)
        printf("%ld toggles, %ld calls, %ld wrong\n", seen.toggles, seen.calls, seen.wrong);
      else
        printf("failed\n");
    }
  return 0;
}
