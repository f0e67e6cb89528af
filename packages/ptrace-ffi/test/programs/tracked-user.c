/*
 * Five threads: `in` stays inside the library until a line comes, `out` has been inside, `never`
 * has not, `jump` has left by longjmp, `parked` has a coroutine that is suspended inside.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>

int stay_inside(pthread_mutex_t *lock, void (*inside)(void));

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, open_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;
static int result;

static void arrived(void)
{
  pthread_barrier_wait(&ready);
}
static void *in(void *unused)
{
  pthread_setname_np(pthread_self(), "in");
  result = stay_inside(&held, arrived);
  return unused;
}
static void *out(void *unused)
{
  pthread_setname_np(pthread_self(), "out");
  stay_inside(&open_lock, NULL);
  pthread_barrier_wait(&ready);
  for (;;)
    pause();
  return unused;
}
static void *never(void *unused)
{
  pthread_setname_np(pthread_self(), "never");
  pthread_barrier_wait(&ready);
  for (;;)
    pause();
  return unused;
}

static jmp_buf back;
static void leave(void)
{
  longjmp(back, 1);
}
static void *jump(void *unused)
{
  pthread_setname_np(pthread_self(), "jump");
  if (setjmp(back) == 0)
    stay_inside(&open_lock, leave);
  pthread_barrier_wait(&ready);
  for (;;)
    pause();
  return unused;
}

static ucontext_t home, coroutine;
static void suspend(void)
{
  swapcontext(&coroutine, &home);
}
static void be_suspended(void)
{
  stay_inside(&open_lock, suspend);
}
static void *parked(void *unused)
{
  static char stack[1 << 16];
  pthread_setname_np(pthread_self(), "parked");
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack;
  coroutine.uc_stack.ss_size = sizeof stack;
  makecontext(&coroutine, be_suspended, 0);
  swapcontext(&home, &coroutine);
  pthread_barrier_wait(&ready);
  for (;;)
    pause();
  return unused;
}

int main(void)
{
  pthread_t a, b, c, d, e;
  pthread_barrier_init(&ready, NULL, 6);
  pthread_mutex_lock(&held);
  pthread_create(&a, NULL, in, NULL);
  pthread_create(&b, NULL, out, NULL);
  pthread_create(&c, NULL, never, NULL);
  pthread_create(&d, NULL, jump, NULL);
  pthread_create(&e, NULL, parked, NULL);
  pthread_barrier_wait(&ready);
  printf("ready\n");
  fflush(stdout);
  getchar();
  pthread_mutex_unlock(&held);
  pthread_join(a, NULL);
  printf("result %d\n", result);
  fflush(stdout);
  for (;;)
    pause();
}
