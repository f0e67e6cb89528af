/* main, middle, [return slot], outer or new_outer, leaf: who can walk it? */
#define UNW_LOCAL_ONLY
#include <execinfo.h>
#include <libunwind.h>
#include <sched.h>

#include "program.h"

int outer(int (*callback)(int), int x);

static char frames[1024];

static void note(const char *name)
{
  size_t used = strlen(frames);
  snprintf(frames + used, sizeof frames - used, "%s%s", used > 0 ? " " : "", name);
}

static int by_libunwind(int x)
{
  unw_context_t context;
  unw_cursor_t cursor;
  if (unw_getcontext(&context) != 0 || unw_init_local(&cursor, &context) != 0)
    return -1;
  do {
    char name[64];
    unw_word_t offset;
    note(unw_get_proc_name(&cursor, name, sizeof name, &offset) == 0 ? name : "?");
  } while (unw_step(&cursor) > 0);
  return x;
}

static int by_backtrace(int x)
{
  void *addresses[32];
  int count = backtrace(addresses, 32);
  char **names = backtrace_symbols(addresses, count);
  for (int i = 0; names && i < count; i++) {
    char *begin = strchr(names[i], '('), *end = strpbrk(begin, "+)");
    *end = '\0';
    note(begin + 1);
  }
  free(names);
  return x;
}

/* A debugger comes and sets it. */
static volatile int released;

static int quiet(int x)
{
  return x;
}

volatile char seen;

/* Reads what it may not. */
static int overrun(int x)
{
  char *bytes = calloc(1, (size_t)x);
  seen = bytes[x];
  free(bytes);
  return x;
}

/* A debugger comes while this waits for a line. */
static int waiting(int x)
{
  char line[16];
  puts("waiting");
  return fgets(line, sizeof line, stdin) ? x : -1;
}

__attribute__((noinline)) int middle(int (*callback)(int));
int middle(int (*callback)(int))
{
  return outer(callback, 1) + 10;
}

static const char *reply(char *line)
{
  frames[0] = '\0';
  if (strcmp(line, "libunwind") == 0)
    middle(by_libunwind);
  else if (strcmp(line, "backtrace") == 0)
    middle(by_backtrace);
  else if (strcmp(line, "overrun") == 0)
    return number(middle(overrun));
  else if (strcmp(line, "step") == 0) {
    for (puts("waiting"); !released;)
      sched_yield();
    released = 0;
    return number(middle(quiet));
  } else if (strcmp(line, "wait") == 0)
    return number(middle(waiting));
  return frames;
}

int main(void)
{
  return serve(reply);
}
