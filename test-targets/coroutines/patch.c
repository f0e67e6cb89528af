/* Both functions: a coroutine that is suspended in new_run() returns into the patch. */
#include "library.h"

long new_value(void);
long new_run(void (*callback)(void *), void *argument);

long new_value(void)
{
  return 2;
}

long new_run(void (*callback)(void *), void *argument)
{
  const long before = value();
  callback(argument);
  return value() == before && before == 2 ? 2 : -1;
}
