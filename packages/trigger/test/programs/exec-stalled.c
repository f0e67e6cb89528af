/* Prints the numbers of two threads more; at a line of input, the first of them executes cat. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

static sem_t noted, begin;

static void note(void)
{
  printf("%d\n", gettid());
  fflush(stdout);
  sem_post(&noted);
}

static void *execute(void *unused)
{
  note();
  sem_wait(&begin);
  execl("/bin/cat", "cat", (char *)NULL);
  return unused;
}

static void *sleep_for_good(void *unused)
{
  note();
  for (;;)
    pause();
  return unused;
}

int main(void)
{
  pthread_t one, other;
  char byte;
  puts("ready");
  pthread_create(&one, NULL, execute, NULL);
  sem_wait(&noted);
  pthread_create(&other, NULL, sleep_for_good, NULL);
  sem_wait(&noted);
  if (read(0, &byte, 1) == 1)
    sem_post(&begin);
  for (;;)
    pause();
}
