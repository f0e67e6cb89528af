#include "library.h"

long value(void)
{
  return 1;
}

long run(void (*callback)(void *), void *argument)
{
  const long before = value();
  callback(argument);
  return value() == before ? before : -1;
}
