/*
 * Threads that are inside the library for reasons that can be told from outside. Each command
 * begins one:
 * read        waits in read(2), in the library
 * callback    waits in read(2), in a callback of this program
 * jit         waits in the library, which was called by code that belongs to no file
 * spin        runs in the library; `stop` ends it
 * churn       enters and leaves without pause, from two places by turns; `stop` ends it
 * outside     has been inside, and waits outside
 * park        a coroutine of a thread that lives is suspended inside
 * orphan      the same, and its thread has ended
 * resume      both coroutines go on and come to their ends, in the main thread
 * release     whoever waits for a byte gets one, and leaves
 */
#define _GNU_SOURCE
#include "library.h"
#include "program.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static int ends[2];
static int waiting;
static volatile int spinning;
static sem_t arrived, left;

/* Where a callback, and who is outside, waits. */
static long wait_here(void *unused)
{
  (void)unused;
  char byte;
  return read(ends[0], &byte, 1);
}

static __attribute__((noinline)) long enter_reading(void)
{
  return wait_in_library(ends[0]) + 1;
}

static __attribute__((noinline)) long enter_calling(void)
{
  return call(wait_here, NULL) + 1;
}

static void *leave(long result)
{
  sem_post(&left);
  return (void *)result;
}

static void *reading(void *unused)
{
  (void)unused;
  sem_post(&arrived);
  return leave(enter_reading());
}

static void *calling(void *unused)
{
  (void)unused;
  sem_post(&arrived);
  return leave(enter_calling());
}

/* sub $8,%rsp; call *%rsi; add $8,%rsp; ret */
static const unsigned char code[] = {0x48, 0x83, 0xec, 8, 0xff, 0xd6, 0x48, 0x83, 0xc4, 8, 0xc3};

static void *jit(void *unused)
{
  (void)unused;
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, code, sizeof code);
  mprotect(page, 4096, PROT_READ | PROT_EXEC);
  long (*run)(int, long (*)(int)) = (long (*)(int, long (*)(int)))(void *)page;
  sem_post(&arrived);
  return leave(run(ends[0], wait_in_library));
}

static void *running(void *unused)
{
  sem_post(&arrived);
  spin(&spinning);
  return unused;
}

static __attribute__((noinline)) long enter_shallow(void)
{
  return value() + 1;
}

static __attribute__((noinline)) long enter_deep(void)
{
  volatile char deeper[256] = {0};
  return value() + deeper[0];
}

static void *churning(void *unused)
{
  sem_post(&arrived);
  volatile long total = 0;
  while (spinning)
    total += enter_shallow() + enter_deep();
  return unused;
}

static void *outside(void *unused)
{
  (void)unused;
  value();
  sem_post(&arrived);
  return leave(wait_here(NULL));
}

struct coroutine {
  ucontext_t here, back;
  char stack[1 << 16];
  volatile int over;
};

static struct coroutine coroutines[2];

static long suspend(void *coroutine)
{
  struct coroutine *c = coroutine;
  swapcontext(&c->here, &c->back);
  return 0;
}

static __attribute__((noinline)) void enter_suspended(int which)
{
  struct coroutine *c = &coroutines[which];
  call(suspend, c);
  c->over = 1;
  swapcontext(&c->here, &c->back);
}

static void begin_coroutine(int which)
{
  struct coroutine *c = &coroutines[which];
  getcontext(&c->here);
  c->here.uc_stack.ss_sp = c->stack;
  c->here.uc_stack.ss_size = sizeof c->stack;
  makecontext(&c->here, (void (*)(void))enter_suspended, 1, which);
  swapcontext(&c->back, &c->here);
}

static void *parking(void *unused)
{
  begin_coroutine(0);
  sem_post(&arrived);
  pause();
  return unused;
}

static void *orphaning(void *unused)
{
  begin_coroutine(1);
  return unused;
}

static const char *resume(void)
{
  int over = 0;
  for (int i = 0; i < 2; i++) {
    swapcontext(&coroutines[i].back, &coroutines[i].here);
    over += coroutines[i].over;
  }
  return number(over);
}

static const char *begin(const char *name, void *(*run)(void *))
{
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  pthread_setname_np(thread, name);
  if (run == orphaning) {
    pthread_join(thread, NULL);
    return "ended";
  }
  pthread_detach(thread);
  if (run != running && run != churning && run != parking)
    waiting++;
  sem_wait(&arrived);
  return "begun";
}

static const char *release(void)
{
  for (int i = 0; i < waiting; i++)
    if (write(ends[1], "x", 1) != 1)
      return "failed";
  for (; waiting > 0; waiting--)
    sem_wait(&left);
  return "released";
}

static const char *reply(char *line)
{
  if (strcmp(line, "read") == 0)
    return begin("reader", reading);
  if (strcmp(line, "callback") == 0)
    return begin("caller", calling);
  if (strcmp(line, "jit") == 0)
    return begin("jit\033[2J", jit);
  if (strcmp(line, "spin") == 0)
    return spinning = 1, begin("spinner", running);
  if (strcmp(line, "churn") == 0)
    return spinning = 1, begin("churner", churning);
  if (strcmp(line, "stop") == 0)
    return spinning = 0, "stopped";
  if (strcmp(line, "outside") == 0)
    return begin("outside", outside);
  if (strcmp(line, "park") == 0)
    return begin("parker", parking);
  if (strcmp(line, "orphan") == 0)
    return begin("orphan", orphaning);
  if (strcmp(line, "resume") == 0)
    return resume();
  if (strcmp(line, "release") == 0)
    return release();
  return number(value());
}

int main(void)
{
  if (pipe2(ends, O_CLOEXEC) != 0 || sem_init(&arrived, 0, 0) != 0 || sem_init(&left, 0, 0) != 0)
    return 1;
  return serve(reply);
}
