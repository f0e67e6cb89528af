/* Ends its process: BEGINS in its constructor, ENDS in its destructor. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

long new_loaded_value(void);

enum { NOT, ABORT, FAULT, EXIT, EXIT_AT_ONCE, BY_THREAD };

static int *volatile nowhere;

static void *leave(void *unused)
{
  _exit(4);
  return unused;
}

static void end(int how)
{
  pthread_t thread;
  switch (how) {
  case ABORT: abort();
  case FAULT: *nowhere = 1; break;
  case EXIT: exit(0);
  case EXIT_AT_ONCE: _exit(3);
  case BY_THREAD:
    if (pthread_create(&thread, NULL, leave, NULL) == 0)
      pause();
  }
}

__attribute__((constructor)) static void begin(void)
{
  end(BEGINS);
}

__attribute__((destructor)) static void finish(void)
{
  end(ENDS);
}

long new_loaded_value(void)
{
  return 2;
}
