/*
 * "answer"      what the library says
 * "fail N once" the N-th time that another thread than the first asks for memory from now on, it
 *               gets none
 * "fail N ever" the same, and none after it either
 * "heal"        it gets what it wants; how often it has asked
 */
#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <stdatomic.h>

int answer(int x);

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static __thread int is_first;
static atomic_int asked, fails_at, fails_until;

static int is_refused(void)
{
  if (is_first)
    return 0;
  const int time = ++asked;
  const int refused = time >= fails_at && time <= fails_until;
  if (refused)
    errno = ENOMEM;
  return refused;
}

void *malloc(size_t size)
{
  return is_refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  return is_refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
  return is_refused() ? NULL : __libc_realloc(old, size);
}

static void fail(int from, int until)
{
  fails_at = from;
  fails_until = until;
}

static const char *reply(char *line)
{
  int time;
  char how[8];
  if (sscanf(line, "fail %d %7s", &time, how) == 2) {
    fail(time, strcmp(how, "once") == 0 ? time : 1 << 30);
    asked = 0;
    return "failing";
  }
  if (strcmp(line, "heal") == 0) {
    fail(0, -1);
    return number(asked);
  }
  return number(answer(1));
}

int main(void)
{
  is_first = 1;
  fail(0, -1);
  return serve(reply);
}
