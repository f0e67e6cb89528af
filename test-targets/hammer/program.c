/*
 * Four threads that never rest: callers of the library, and users of what the helper must not
 * disturb.
 */
#include "program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

int versions_agree(int rounds);

static atomic_long calls, wrong, others;

static void *caller(void *unused)
{
  for (;;) {
    int version = versions_agree(20);
    if (version != 1 && version != 2)
      wrong++;
    calls++;
  }
  return unused;
}

static void *nothing(void *unused)
{
  return unused;
}

/* malloc, threads, setuid, fork: with their locks, and with what must know every thread. */
static void *disturber(void *unused)
{
  for (unsigned i = 0;; i++) {
    free(malloc(i % 5000 + 1));
    if (i % 64 == 0) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
      if (setuid(getuid()) != 0)
        wrong++;
    }
    if (i % 1024 == 0) {
      int status;
      pid_t child = fork();
      if (child == 0)
        _exit(versions_agree(5) > 0 ? 0 : 1);
      if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
        wrong++;
    }
    others++;
  }
  return unused;
}

static const char *reply(char *line)
{
  static char answer[96];
  (void)line;
  snprintf(answer, sizeof answer, "%ld %ld %ld", calls, wrong, others);
  return answer;
}

int main(void)
{
  for (int i = 0; i < 4; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, i < 3 ? caller : disturber, NULL) != 0)
      return 1;
  }
  return serve(reply);
}
