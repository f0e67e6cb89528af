/*
 * Replacements of the 64 empty functions: NAME_00 to NAME_77. NAME differs from patch to patch, and
 * so do their build-ids.
 */
#include "each.h"

#define EMPTY(name, n)        \
  int GLUE(name, _##n)(void); \
  int GLUE(name, _##n)(void)  \
  {                           \
    return 64 + 0##n;         \
  }
EACH(EMPTY, NAME)
