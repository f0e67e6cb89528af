/*
 * Four threads that call all functions without pause: each call is one of either version, and none
 * is lost.
 */
#include "functions.h"
#include "program.h"

#include <pthread.h>
#include <stdatomic.h>

#define DECLARE(prefix, n) long prefix##n(long *calls);
ALL(DECLARE)

#define ENTRY(prefix, n) {prefix##n, 0##n},
static const struct {
  long (*function)(long *);
  long number;
} functions[] = {ALL(ENTRY)};

static atomic_long wrong, seen[2]; /* old, new */

static void *caller(void *unused)
{
  long calls = 0, made = 0;
  for (;;) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
      long answer = functions[i].function(&calls) - functions[i].number;
      if (++made != calls || (answer != 0 && answer != NEW))
        wrong++;
      else
        seen[answer == NEW]++;
    }
  }
  return unused;
}

static const char *reply(char *line)
{
  static char answer[96];
  (void)line;
  snprintf(answer, sizeof answer, "%ld %ld %ld", wrong, seen[0], seen[1]);
  return answer;
}

int main(void)
{
  for (int i = 0; i < 4; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, caller, NULL) != 0)
      return 1;
  }
  return serve(reply);
}
