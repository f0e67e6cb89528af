#include "library.h"

int new_version(void);

int new_version(void)
{
  return 2;
}

#ifdef CONSTRUCTOR
/* It runs in the runtime's helper thread, which is another one for each request. */
__attribute__((constructor)) static void call_the_library(void)
{
  if (version() != 1)
    __builtin_trap();
}
#endif
