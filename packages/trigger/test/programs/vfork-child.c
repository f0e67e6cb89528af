/* "ready", then the pid of a child of vfork that waits, before any exec, for a line; then answers. */
#define _GNU_SOURCE
#include "program.h"

#include <unistd.h>

int answer(int x);

static const char *reply(char *line)
{
  (void)line;
  return number(answer(1));
}

int main(void)
{
  char c, text[32];
  puts("ready");
  fflush(stdout);
  answer(1);
  if (vfork() == 0) {
    int length = snprintf(text, sizeof text, "%d\n", getpid());
    if (write(1, text, (size_t)length) != length || read(0, &c, 1) != 1)
      _exit(1);
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  return serve(reply);
}
