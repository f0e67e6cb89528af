#include "library.h"

int version(void)
{
  return 1;
}

void stay(void (*what)(void *), void *argument)
{
  what(argument);
}
