/* Functions that say by their result which version of value() they saw. */
#include "library.h"

long value(void)
{
  return 1;
}

long tail(long x)
{
  return x == 0 ? value() : tail_target(x);
}

long tail_target(long x)
{
  return value() * 1000 + x;
}

void call(void (*callback)(void))
{
  callback();
}
