/*
 * Calls the library; then obeys `threads N`: N more threads have called it and stay alive. Ends
 * with its input. Built for a plain library and for a live-patchable one (NAME).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "each.h"

int GLUE(NAME, _00)(void);

static pthread_barrier_t called;

static void *thread(void *unused)
{
  GLUE(NAME, _00)();
  pthread_barrier_wait(&called);
  for (;;)
    pause();
  return unused; /* never */
}

int main(void)
{
  char line[64];
  int threads;
  GLUE(NAME, _00)();
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "threads %d", &threads) != 1)
      return 2;
    pthread_barrier_init(&called, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
      pthread_t one;
      if (pthread_create(&one, NULL, thread, NULL) != 0)
        return 2;
    }
    pthread_barrier_wait(&called);
    puts("called");
    fflush(stdout);
  }
  return 0;
}
