/* 64 empty functions NAME_00 to NAME_77, and one that calls back. */
#include "each.h"

#define EMPTY(name, n)        \
  int GLUE(name, _##n)(void); \
  int GLUE(name, _##n)(void)  \
  {                           \
    return 0##n;              \
  }
EACH(EMPTY, NAME)

void GLUE(NAME, _call)(void (*callback)(void));
void GLUE(NAME, _call)(void (*callback)(void))
{
  callback();
}
