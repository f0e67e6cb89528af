/* main, middle, [return slot], outer or new_outer, leaf: who can walk it? */
#define _GNU_SOURCE
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <execinfo.h>
#include <libunwind.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>

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

static volatile int seen_steps, lost_steps, cancel_at;

static bool is_in(void *address, const char *function)
{
  Dl_info info;
  return dladdr(address, &info) && info.dli_sname && strcmp(info.dli_sname, function) == 0;
}

/* After each instruction: is the way back to main known? Or the thread is cancelled there. */
static void on_step(int signal)
{
  (void)signal;
  if (++seen_steps == cancel_at)
    pthread_cancel(pthread_self());
  if (cancel_at != 0)
    return;
  void *addresses[32];
  int count = backtrace(addresses, 32), callers = 0;
  for (int i = 0; i < count; i++)
    callers += is_in(addresses[i], "stepped");
  lost_steps += callers != 1 || !is_in(addresses[count - 1], "_start");
}

enum { TRAP_FLAG = 0x100 };

__attribute__((noinline)) int stepped(void);
int stepped(void)
{
  outer(quiet, 1); /* the first entry blocks signals, which single-stepping does not survive */
  seen_steps = lost_steps = 0;
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP_FLAG);
  int result = outer(quiet, 1);
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(unsigned long)TRAP_FLAG);
  return result + 10;
}

static bool outermost;

/* Was the library entered anew, that is, by way of a slot? */
static int look_for_slot(int x)
{
  void *addresses[32];
  Dl_info info;
  outermost = false;
  for (int i = backtrace(addresses, 32); i-- > 0;)
    outermost |= dladdr(addresses[i], &info) && strstr(info.dli_fname, "libpulp.so");
  return x;
}

/* Runs when the thread is cancelled: nothing of the call may be left. */
static void count_down(int **left)
{
  /* Deeper than the call that was cancelled: what it left is not healed here. */
  volatile char deeper[8192];
  deeper[0] = 0;
  outer(look_for_slot, 1);
  **left -= outermost + deeper[0];
}

static int unclean;

static void *cancelled(void *argument)
{
  int *left __attribute__((cleanup(count_down))) = &unclean;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  stepped();
  return argument;
}

/* At each instruction in turn, in a thread of its own, until one is not reached. */
static int cancel_at_each(void)
{
  void *end = PTHREAD_CANCELED;
  for (cancel_at = 1; end == PTHREAD_CANCELED; cancel_at++) {
    pthread_t thread;
    unclean++;
    if (pthread_create(&thread, NULL, cancelled, NULL) != 0 || pthread_join(thread, &end) != 0)
      return -1;
  }
  int reached = cancel_at;
  cancel_at = 0;
  return reached;
}

static const char *reply(char *line)
{
  frames[0] = '\0';
  if (strcmp(line, "libunwind") == 0)
    middle(by_libunwind);
  else if (strcmp(line, "backtrace") == 0)
    middle(by_backtrace);
  else if (strcmp(line, "each") == 0) {
    int result = stepped();
    snprintf(frames, sizeof frames, "%d: %d lost of %d", result, lost_steps, seen_steps);
  } else if (strcmp(line, "cancel") == 0) {
    int steps = cancel_at_each();
    snprintf(frames, sizeof frames, "%d unclean of %d", unclean, steps);
  } else if (strcmp(line, "overrun") == 0)
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
  signal(SIGTRAP, on_step);
  return serve(reply);
}
