/* A library of the random programs: -DLETTER=a_ -DNUMBER=0 makes the first one. */
#include "functions.h"

#include <cstdarg>

#define PASTE_(l, f) l##f
#define PASTE(l, f) PASTE_(l, f)
#define LIBRARY NUMBER
#define VERSION 0
#define NAME(f) PASTE(LETTER, f)
#define PUBLIC(f) PASTE(LETTER, f)
#include "functions.inc"
