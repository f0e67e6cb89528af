/* Has TLS_BYTES of thread-local storage, and loads a library with as much when it is told to. */
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>

long tls_value(void);

static __thread char first = 1, own[TLS_BYTES];
static long (*others)(void);

/* A thread's own storage: as it was made, from the first byte to the last, and its own. */
static void *look(void *unused)
{
  (void)unused;
  if (first != 1 || own[0] != 0 || own[sizeof own - 1] != 0)
    return "not as it was made";
  first = own[0] = own[sizeof own - 1] = 7;
  if (others && others() != 1)
    return "the library's is not as it was made";
  return "ok";
}

static const char *in_thread(void)
{
  pthread_t thread;
  void *said;
  if (pthread_create(&thread, NULL, look, NULL) != 0 || pthread_join(thread, &said) != 0)
    return "no thread";
  return said;
}

static const char *reply(char *line)
{
  if (strcmp(line, "thread") == 0)
    return in_thread();
  if (strncmp(line, "open ", 5) == 0) {
    void *library = dlopen(line + 5, RTLD_NOW);
    others = library ? (long (*)(void))dlsym(library, "block_value") : NULL;
    return others ? number(others()) : dlerror();
  }
  return number(tls_value());
}

int main(void)
{
  return serve(reply);
}
