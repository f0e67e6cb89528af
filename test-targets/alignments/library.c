/*
 * Built four times, with PREFIX and PADDING (bytes before the function) given, for cold functions
 * more.
 */
#include "functions.h"

#ifndef ATTRIBUTES
#define ATTRIBUTES
#define SECTION ".text"
#endif

#define PLACE(n)                                              \
  __asm__(".pushsection " SECTION ", \"ax\", @progbits\n"     \
          ".p2align 6\n"                                      \
          ".skip 64 + ((0" #n " - " PADDING ") & 63), 0x90\n" \
          ".popsection");

/* It counts its calls, so that none is lost. */
#define FUNCTION(prefix, n)               \
  PLACE(n)                                \
  ATTRIBUTES long prefix##n(long *calls); \
  ATTRIBUTES long prefix##n(long *calls)  \
  {                                       \
    ++*calls;                             \
    return 0##n;                          \
  }
EACH(FUNCTION, PREFIX)
