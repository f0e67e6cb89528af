/*
 * A patch of the random programs: -DVERSION=1 makes patch 0. It has all functions; patches.def says
 * which it replaces.
 */
#include "functions.h"

#include <cstdarg>

#define LIBRARY 0
#define NAME(f) new_a_##f
#define PUBLIC(f) a_##f
#include "functions.inc"

#define LIBRARY 1
#define NAME(f) new_b_##f
#define PUBLIC(f) b_##f
#include "functions.inc"

#define LIBRARY 2
#define NAME(f) new_c_##f
#define PUBLIC(f) c_##f
#include "functions.inc"
