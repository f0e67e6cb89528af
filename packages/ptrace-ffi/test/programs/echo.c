/*
 * Answers every line on standard input with a count: alive. `threads`: with three more that sleep.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *sleeper(void *name)
{
  pthread_setname_np(pthread_self(), name);
  for (;;)
    pause();
  return NULL;
}

/* What the tests read and write. */
volatile char mark[] = "a string in the target's memory";

int main(int argc, char **argv)
{
  static char *names[] = {"one", "two (2)", "three"};
  pthread_t thread;
  if (argc > 1 && !strcmp(argv[1], "threads"))
    for (int i = 0; i < 3; i++)
      pthread_create(&thread, NULL, sleeper, names[i]);
  if (argc > 1 && !strcmp(argv[1], "exec")) {
    printf("ready %p\n", (void *)mark);
    fflush(stdout);
    getchar();
    execl(argv[0], argv[0], (char *)NULL);
  }
  usleep(20000); /* until the threads have their names */
  printf("ready %p\n", (void *)mark);
  fflush(stdout);
  char line[64];
  for (int n = 1; fgets(line, sizeof line, stdin); n++) {
    printf("%d %s\n", n, mark);
    fflush(stdout);
  }
  return 0;
}
