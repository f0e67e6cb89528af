/* main ends by pthread_exit; to the kernel the process then has a dead first thread. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static char mark[] = "mark";

static void *other(void *unused)
{
  char line[64];
  usleep(50000); /* until main has ended */
  printf("ready %p\n", (void *)mark);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    printf("alive\n");
    fflush(stdout);
  }
  return unused;
}

int main(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  pthread_exit(NULL);
}
