/*
 * vfork-child END [THREAD]: "ready", then the pid of a child of vfork, which answers "ask" with
 * what the library says, and ends at another line by exec(3) or exit(2), as END says; then the
 * parent says "ready" again, and answers. With THREAD, a second thread of the parent sleeps
 * meanwhile.
 */
#define _GNU_SOURCE
#include "program.h"

#include <pthread.h>
#include <unistd.h>

int answer(int x);

static const char *reply(char *line)
{
  (void)line;
  return number(answer(1));
}

static void say(int value)
{
  char text[32];
  int length = snprintf(text, sizeof text, "%d\n", value);
  if (write(1, text, (size_t)length) != length)
    _exit(1);
}

/* The first letter of a line; no stdio, whose memory is the parent's. */
static char next(void)
{
  char first = 0, c;
  while (read(0, &c, 1) == 1 && c != '\n')
    if (!first)
      first = c;
  return first;
}

static void *sleep_for_good(void *unused)
{
  for (;;)
    pause();
  return unused;
}

int main(int argc, char **argv)
{
  pthread_t thread;
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  answer(1);
  if (argc > 2 && pthread_create(&thread, NULL, sleep_for_good, NULL))
    return 1;
  if (vfork() == 0) {
    say(getpid());
    while (next() == 'a')
      say(answer(1));
    if (strcmp(argv[1], "exec") == 0)
      execl("/bin/true", "true", NULL);
    _exit(0);
  }
  return serve(reply);
}
