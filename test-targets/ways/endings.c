/* Threads that end inside the library, of their own will or another's. */
#include "cases.h"
#include "library.h"

#include <stdatomic.h>
#include <unistd.h>

static void exit_inside(void *unused)
{
  inside(unused);
  pthread_exit((void *)7);
}

static void *exiting(void *unused)
{
  call(exit_inside, unused);
  return NULL;
}

static void thread_exits(void)
{
  void *result;
  pthread_join(spawn(exiting, NULL), &result);
  EXPECT(result == (void *)7);
  after();
}

/*
 * Cleaning up may call the library. A handler of C is called by a jump inside of glibc, before this
 * thread has left the library as far as anybody can see; one of C++ is not: see exceptions.cc.
 */
static void clean_up(void *unused)
{
  (void)unused;
  EXPECT(value_twice() > 0);
}

static void *exiting_with_cleanup(void *unused)
{
  pthread_cleanup_push(clean_up, NULL);
  call(exit_inside, unused);
  pthread_cleanup_pop(0);
  return NULL;
}

static void thread_exits_and_cleans(void)
{
  pthread_join(spawn(exiting_with_cleanup, NULL), NULL);
  after();
}

static void *returning(void *unused)
{
  call(inside, unused);
  return (void *)8;
}

static void thread_returns(void)
{
  void *result;
  pthread_join(spawn(returning, NULL), &result);
  EXPECT(result == (void *)8);
  after();
}

static void wait_for_ever(void *unused)
{
  inside(unused);
  for (;;)
    pause();
}

static void *waiting(void *unused)
{
  pthread_cleanup_push(clean_up, NULL);
  call(wait_for_ever, unused);
  pthread_cleanup_pop(0);
  return NULL;
}

static void cancelled_deferred(void)
{
  void *result;
  pthread_t thread = spawn(waiting, NULL);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  EXPECT(result == PTHREAD_CANCELED);
  after();
}

/* At any instruction: of the library, of its entry and its exit, of what acquires a slot. */
static void *spinning(void *begun)
{
  int old;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
  *(atomic_int *)begun = 1;
  for (;;) {
    value();
    more_value();
  }
  return NULL;
}

static void cancelled_anywhere(void)
{
  static __thread unsigned length;
  atomic_int begun = 0;
  void *result;
  pthread_t thread = spawn(spinning, &begun);
  while (!begun)
    ;
  length = length * 1103515245 + 12345;
  for (volatile unsigned i = length >> 16 & 1023; i > 0; i--)
    ;
  pthread_cancel(thread);
  pthread_join(thread, &result);
  EXPECT(result == PTHREAD_CANCELED);
  call(inside, NULL);
  after();
}

/* The last thing that a thread does: destructors of its keys call the library. */
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void last_words(void *argument)
{
  int *rounds = argument;
  after();
  if (--*rounds > 0)
    pthread_setspecific(key, rounds);
}

static void make_key(void)
{
  pthread_key_create(&key, last_words);
}

static void *with_last_words(void *rounds)
{
  pthread_setspecific(key, rounds);
  call(inside, NULL);
  return NULL;
}

static void destructors_of_keys(void)
{
  int rounds = 3; /* behind ours, and then again when ours has been run */
  pthread_once(&once, make_key);
  pthread_join(spawn(with_last_words, &rounds), NULL);
  EXPECT(rounds == 0);
}

const struct one_case ending_cases[] = {
    {"thread-exits", thread_exits},
    {"thread-exits-and-cleans", thread_exits_and_cleans},
    {"thread-returns", thread_returns},
    {"cancelled-deferred", cancelled_deferred},
    {"cancelled-anywhere", cancelled_anywhere},
    {"destructors-of-keys", destructors_of_keys},
    {NULL, NULL},
};
