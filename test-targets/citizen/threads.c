/* Calls the library in so many threads, one after the other. */
#include "program.h"

#include <pthread.h>

long loaded_value(void);

static void *call(void *unused)
{
  (void)unused;
  return (void *)loaded_value();
}

static const char *threads(int count)
{
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    void *seen;
    if (pthread_create(&thread, NULL, call, NULL) != 0 || pthread_join(thread, &seen) != 0)
      return "no thread";
    if ((long)seen != 1 && (long)seen != 2)
      return number((long)seen);
  }
  return "ok";
}

static const char *reply(char *line)
{
  if (strncmp(line, "threads ", 8) == 0)
    return threads(atoi(line + 8));
  return number(loaded_value());
}

int main(void)
{
  return serve(reply);
}
