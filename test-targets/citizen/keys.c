/* A library whose constructor takes every key of thread-local storage that there is. */
#include <pthread.h>
#include <stdlib.h>

__attribute__((constructor)) static void begin(void)
{
  pthread_key_t key;
  int taken = 0;
  while (pthread_key_create(&key, NULL) == 0)
    taken++;
  if (taken == 0)
    abort();
}
