#include "functions.h"

#define FUNCTION(prefix, n)          \
  long new_##prefix##n(long *calls); \
  long new_##prefix##n(long *calls)  \
  {                                  \
    ++*calls;                        \
    return 0##n + NEW;               \
  }
ALL(FUNCTION)
