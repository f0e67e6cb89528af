/* Every way into a library: argument classes, recursion, tail calls, signal handlers, coroutines, children. */
#include "library.h"
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static long again(int depth)
{
  return recurse(depth, again);
}

static const char *classes(void)
{
  static char text[256];
  struct big out = make_big(7, (struct big){{1, 2, 3, 4}});
  snprintf(text, sizeof text, "%ld %.2f %ld,%ld,%ld,%ld %.1Lf", sum(3, 1, 2, 3),
           mix(1, 0.25, 2, 0.5f, 3, 4, 5, 6, 0.125), out.words[0], out.words[1], out.words[2],
           out.words[3], precise(0.5L));
  return text;
}

/* What the outermost call sees, and what a handler that comes inside it sees. */
static volatile long in_handler, in_callback;

static void handler(int signal)
{
  (void)signal;
  in_handler = value();
}

static void raise_inside(void)
{
  raise(SIGUSR1);
  in_callback = value();
}

static const char *signals(int flags)
{
  static char text[64], stack[1 << 16];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaltstack(&alternate, NULL);
  sigaction(SIGUSR1, &action, NULL);
  call(raise_inside);
  snprintf(text, sizeof text, "%ld %ld %ld", in_handler, in_callback, value());
  return text;
}

static ucontext_t main_context, coroutine_context;
static long in_coroutine[2];

static void pause_inside(void)
{
  in_coroutine[0] = value();
  swapcontext(&coroutine_context, &main_context);
  in_coroutine[1] = value();
}

static void coroutine(void)
{
  call(pause_inside);
}

/* Starts a coroutine that stays inside the library; `resume` lets it go on. */
static const char *suspend(void)
{
  static char stack[1 << 16];
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = sizeof stack;
  coroutine_context.uc_link = &main_context;
  makecontext(&coroutine_context, coroutine, 0);
  swapcontext(&main_context, &coroutine_context);
  return number(in_coroutine[0] * 10 + value());
}

static const char *resume(void)
{
  static char text[64];
  long outside = value();
  swapcontext(&main_context, &coroutine_context);
  snprintf(text, sizeof text, "%ld then %ld, outside %ld", in_coroutine[0], in_coroutine[1], outside);
  return text;
}

/* A child that answers until it is told to end. */
static const char *forked(void)
{
  pid_t child = fork();
  if (child == 0)
    return "child";
  int status;
  waitpid(child, &status, 0);
  return number(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* A thread that has called the library and stays. */
static void *have_called(void *barrier)
{
  value();
  pthread_barrier_wait(barrier);
  for (;;)
    pause();
  return NULL;
}

static const char *start_thread(void)
{
  static pthread_barrier_t called;
  pthread_t thread;
  pthread_barrier_init(&called, NULL, 2);
  pthread_create(&thread, NULL, have_called, &called);
  pthread_barrier_wait(&called);
  return "started";
}

static void *loaded;

static const char *reply(char *line)
{
  if (strcmp(line, "classes") == 0)
    return classes();
  if (strcmp(line, "recursion") == 0)
    return number(recurse(20, again));
  if (strcmp(line, "tail") == 0)
    return number(tail(5));
  if (strcmp(line, "signals") == 0)
    return signals(0);
  if (strcmp(line, "signals alternate") == 0)
    return signals(SA_ONSTACK);
  if (strcmp(line, "suspend") == 0)
    return suspend();
  if (strcmp(line, "resume") == 0)
    return resume();
  if (strcmp(line, "fork") == 0)
    return forked();
  if (strcmp(line, "thread") == 0)
    return start_thread();
  if (strcmp(line, "pid") == 0)
    return number(getpid());
  if (strcmp(line, "end") == 0)
    _exit(3);
  if (strncmp(line, "dlopen ", 7) == 0)
    return (loaded = dlopen(line + 7, RTLD_NOW)) ? "loaded" : dlerror();
  if (strcmp(line, "dlclose") == 0)
    return dlclose(loaded) == 0 ? "closed" : dlerror();
  if (strcmp(line, "other") == 0) {
    long (*other)(void) = (long (*)(void))dlsym(loaded, "other_value");
    return number(other ? other() : -1);
  }
  return number(value());
}

int main(void)
{
  return serve(reply);
}
