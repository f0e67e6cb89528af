/* Loads the library of its first argument, calls it, and unloads it, in several orders. */
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

static const char *path;
static void *handle;

static long (*value(void *library))(void)
{
  long (*function)(void) = (long (*)(void))dlsym(library, "loaded_value");
  if (!function)
    abort();
  return function;
}

/* With that many calls while it is loaded. */
static const char *cycle(int times, int calls)
{
  for (int i = 0; i < times; i++) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library)
      return dlerror();
    for (int k = 0; k < calls; k++) {
      long version = value(library)();
      if (version != 1 && version != 2)
        return number(version);
    }
    if (dlclose(library) != 0)
      return dlerror();
  }
  return "ok";
}

/* ---- loading and unloading all the time ---- */

static atomic_bool looping;
static atomic_long loops;
static pthread_t looper;

/* Now for a moment, now for as long as a tool takes. */
static void *loop(void *unused)
{
  enum { LENGTHS = 64, CALLS = 20000 };
  const char *said = "ok";
  while (looping && strcmp(said, "ok") == 0) {
    said = cycle(1, (int)(loops % LENGTHS) * CALLS);
    loops++;
  }
  (void)unused;
  return (void *)said;
}

/* ---- a thread that has called the library, or is inside ---- */

static sem_t arrived, leave;
static pthread_t worker;
static long seen;

static void stay(void)
{
  seen = value(handle)();
  sem_post(&arrived);
  while (sem_wait(&leave) != 0)
    ;
  seen = seen * 10 + value(handle)();
}

/* The program's own handle is given back inside: something else has to keep the library. */
static void close_inside(void)
{
  stay();
  dlclose(handle);
}

static void *work(void *what)
{
  if (strcmp(what, "called") == 0) {
    seen = value(handle)();
    sem_post(&arrived);
    while (sem_wait(&leave) != 0)
      ;
  } else {
    void (*call)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(handle, "loaded_call");
    call(strcmp(what, "closing") == 0 ? close_inside : stay);
  }
  return NULL;
}

static const char *start_worker(const char *what)
{
  static char kept[16];
  snprintf(kept, sizeof kept, "%s", what);
  pthread_create(&worker, NULL, work, kept);
  while (sem_wait(&arrived) != 0)
    ;
  return number(seen);
}

static const char *reply(char *line)
{
  void *result;
  if (strcmp(line, "open") == 0)
    return (handle = dlopen(path, RTLD_NOW)) ? "opened" : dlerror();
  if (strcmp(line, "close") == 0)
    return dlclose(handle) == 0 ? "closed" : dlerror();
  if (strncmp(line, "cycle ", 6) == 0)
    return cycle(atoi(line + 6), 1);
  if (strcmp(line, "loop") == 0) {
    looping = true;
    pthread_create(&looper, NULL, loop, NULL);
    return "looping";
  }
  if (strcmp(line, "loops") == 0)
    return number(loops);
  if (strcmp(line, "stop") == 0) {
    looping = false;
    pthread_join(looper, &result);
    return result;
  }
  if (strncmp(line, "worker ", 7) == 0)
    return start_worker(line + 7);
  if (strcmp(line, "leave") == 0) {
    sem_post(&leave);
    pthread_join(worker, NULL);
    return number(seen);
  }
  return number(value(handle)());
}

int main(int count, char **words)
{
  if (count < 2)
    return 1;
  path = words[1];
  sem_init(&arrived, 0, 0);
  sem_init(&leave, 0, 0);
  return serve(reply);
}
