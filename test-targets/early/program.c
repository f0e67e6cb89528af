/* "call" the library; from a new "thread"; "chosen"; "interposed": how many calls came. */
#include "program.h"

#include <pthread.h>

int answer(int x);
#ifdef INTERPOSED
long interposed(void);

static void ignore(void *unused)
{
  (void)unused;
}

/* So many keys that libpulp.so's own one needs memory of its own: calloc. */
__attribute__((constructor)) static void take_keys(void)
{
  pthread_key_t key;
  for (int i = 0; i < 40; i++)
    pthread_key_create(&key, ignore);
}
#else
int chosen(void);
#endif

static void *call(void *unused)
{
  (void)unused;
  return (void *)(long)answer(1);
}

static const char *reply(char *line)
{
  pthread_t thread;
  void *result;
  if (strcmp(line, "thread") == 0) {
    if (pthread_create(&thread, NULL, call, NULL) != 0)
      abort();
    pthread_join(thread, &result);
    return number((long)result);
  }
#ifdef INTERPOSED
  if (strcmp(line, "interposed") == 0)
    return number(interposed());
#else
  if (strcmp(line, "chosen") == 0)
    return number(chosen());
#endif
  return number(answer(1));
}

int main(void)
{
  return serve(reply);
}
