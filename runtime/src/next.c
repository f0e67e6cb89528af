/*
 * The function that an interposed one stands in front of. Thread, or entry where a constructor that
 * ran before ours jumps.
 *
 * Where libpulp.so stands in front of libc, that is the next function of this name in the lookup
 * order: another interposer's (a sanitizer's, another libpulp.so's) or the library's own. Behind
 * libc there is no next one: the library that has it is then asked by its name.
 */
#include "runtime.h"

#include <dlfcn.h>

void *next_function(const char *name, const char *library)
{
  void *function = dlsym(RTLD_NEXT, name);
  if (function)
    return function;
  void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (!handle)
    return NULL;
  function = dlsym(handle, name);
  dlclose(handle); /* it was loaded before, and stays */
  return function;
}
