/* Coroutines that stay inside a library, children, libraries that come and go. */
#include "library.h"
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

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
  snprintf(text, sizeof text, "%ld then %ld, outside %ld", in_coroutine[0], in_coroutine[1],
           outside);
  return text;
}

/* A thread whose coroutine is inside all the time, and is suspended and resumed without pause. */
static ucontext_t turner_context, turned_context;
static pthread_t turner;
static atomic_bool turning;
static atomic_long turns;
static long first_seen, others_seen;

static void turn_inside(void)
{
  first_seen = value();
  while (turning) {
    turns++;
    swapcontext(&turned_context, &turner_context);
    others_seen += value() != first_seen;
  }
}

static bool has_left;

static void turned(void)
{
  call(turn_inside);
  has_left = true;
}

static char turned_stack[1 << 16];

static void *turn(void *unused)
{
  (void)unused;
  getcontext(&turned_context);
  turned_context.uc_stack.ss_sp = turned_stack;
  turned_context.uc_stack.ss_size = sizeof turned_stack;
  turned_context.uc_link = &turner_context;
  makecontext(&turned_context, turned, 0);
  while (!has_left)
    swapcontext(&turner_context, &turned_context);
  return NULL;
}

static const char *start_turning(void)
{
  turning = true;
  pthread_create(&turner, NULL, turn, NULL);
  while (turns < 1000)
    ;
  return "turning";
}

/* What the coroutine saw first, and how often something else. */
static const char *stop_turning(void)
{
  static char text[64];
  turning = false;
  pthread_join(turner, NULL);
  snprintf(text, sizeof text, "%ld, else %ld", first_seen, others_seen);
  return text;
}

/* Threads that begin and end while signals come all the time, whose handler calls the library. */
static void on_alarm(int signal)
{
  (void)signal;
  value();
}

static void *short_life(void *alarm)
{
  value();
  pthread_sigmask(SIG_UNBLOCK, alarm, NULL);
  return NULL;
}

static const char *end_threads(void)
{
  const struct itimerval often = {{0, 20}, {0, 20}}, never = {{0, 0}, {0, 0}};
  struct sigaction action = {.sa_handler = on_alarm};
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, NULL);
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < 8000; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, short_life, &alarm);
    pthread_join(thread, NULL);
  }
  setitimer(ITIMER_REAL, &never, NULL);
  return "ended";
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
  if (strcmp(line, "tail") == 0)
    return number(tail(5));
  if (strcmp(line, "suspend") == 0)
    return suspend();
  if (strcmp(line, "resume") == 0)
    return resume();
  if (strcmp(line, "end threads") == 0)
    return end_threads();
  if (strcmp(line, "turn") == 0)
    return start_turning();
  if (strcmp(line, "stop") == 0)
    return stop_turning();
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
