/* Functions that call back, and one that says which version it is. */
#include "library.h"

long value(void)
{
  return 1;
}

/* The version, or -1 when two calls did not agree. */
long value_twice(void)
{
  long first = value();
  return value() == first ? first : -1;
}

void call(void (*callback)(void *), void *argument)
{
  callback(argument);
  __asm__ volatile("" ::: "memory"); /* not a tail call */
}

void tail_call(void (*callback)(void *), void *argument)
{
  callback(argument);
}

long tail_value(void)
{
  return value();
}

long recurse(int depth, long (*again)(int))
{
  return depth == 0 ? value() : again(depth - 1);
}

void relay(struct relay *r)
{
  (*r->next++)(r);
}
