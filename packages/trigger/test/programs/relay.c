/*
 * Threads that live for a moment: each calls the library, starts its successor, and ends. With the
 * argument "alone", the first thread ends as well, so that no thread of the process stays. Another
 * process answers each line of input with "THREADS WRONG ANSWER": threads that there have been,
 * wrong answers of the library, its last answer.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int answer(int x);

enum { RUNNERS = 3 };
static struct shared {
  atomic_long threads, wrong, answer;
  atomic_int stop;
} *shared;
static atomic_int running = RUNNERS;
static pthread_attr_t detached;

static void *run(void *unused)
{
  pthread_t next;
  int now = answer(1);
  shared->answer = now;
  if (now != 2 && now != 1001)
    shared->wrong++;
  shared->threads++;
  if (!shared->stop && pthread_create(&next, &detached, run, unused) != 0)
    abort();
  if (shared->stop && --running == 0)
    exit(0);
  return NULL;
}

static void partner(void)
{
  char line[64];
  while (fgets(line, sizeof line, stdin))
    printf("%ld %ld %ld\n", shared->threads, shared->wrong, shared->answer);
  shared->stop = 1;
  _exit(0);
}

int main(int argc, char **argv)
{
  pthread_t one;
  setvbuf(stdout, NULL, _IOLBF, 0);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 1;
  puts("ready");
  if (fork() == 0)
    partner();
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  for (int i = 0; i < RUNNERS; i++)
    pthread_create(&one, &detached, run, NULL);
  if (argc > 1 && strcmp(argv[1], "alone") == 0)
    pthread_exit(NULL);
  for (;;)
    pause();
}
