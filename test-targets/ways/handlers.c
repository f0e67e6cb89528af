/* Signal handlers that call the library, on the thread's stack and on one of their own. */
#include "cases.h"
#include "library.h"

#include <stdlib.h>

/* Nested when it comes inside; outermost itself otherwise. */
void handler(int signal)
{
  (void)signal;
  call(inside, NULL);
}

/* Comes at any moment, also on the way in and out. */
void storm_handler(int signal)
{
  (void)signal;
  long version = value_twice();
  if (version != 1 && version != 2)
    abort();
}

static void raise_inside(void *signal)
{
  see();
  pthread_kill(pthread_self(), (int)(intptr_t)signal);
  see();
}

static void raise_outside_and_inside(int signal)
{
  pthread_kill(pthread_self(), signal);
  outermost();
  call(raise_inside, (void *)(intptr_t)signal);
  after();
}

static void plain_stack(void)
{
  raise_outside_and_inside(SIGNAL_PLAIN);
}

static void plain_stack_inside(void)
{
  call(raise_inside, (void *)(intptr_t)SIGNAL_PLAIN);
  after();
}

static void *on_alternate(void *unused)
{
  static const size_t size = 1 << 16;
  char *room = malloc(size);
  stack_t alternate = {.ss_sp = room, .ss_size = size}, none = {.ss_flags = SS_DISABLE};
  sigaltstack(&alternate, NULL);
  call(raise_inside, (void *)(intptr_t)SIGNAL_ALTERNATE);
  outermost();
  raise_outside_and_inside(SIGNAL_ALTERNATE);
  sigaltstack(&none, NULL);
  free(room);
  return unused;
}

static void alternate_stack(void)
{
  pthread_join(spawn(on_alternate, NULL), NULL);
}

/* The handler's stack lies above the stack of the call that it interrupts. */
static void *below(void *above)
{
  stack_t alternate = {.ss_sp = above, .ss_size = 1 << 16}, none = {.ss_flags = SS_DISABLE};
  sigaltstack(&alternate, NULL);
  call(raise_inside, (void *)(intptr_t)SIGNAL_ALTERNATE);
  outermost();
  raise_outside_and_inside(SIGNAL_ALTERNATE);
  sigaltstack(&none, NULL);
  return NULL;
}

static void alternate_stack_above(void)
{
  enum { SIZE = 1 << 16 };
  char *room = aligned_alloc(4096, 2 * SIZE);
  pthread_join(spawn_on(room, SIZE, below, room + SIZE), NULL);
  free(room);
}

const struct one_case handler_cases[] = {
    {"handler-plain", plain_stack},
    {"handler-plain-inside", plain_stack_inside},
    {"handler-alternate", alternate_stack},
    {"handler-alternate-above", alternate_stack_above},
    {NULL, NULL},
};
