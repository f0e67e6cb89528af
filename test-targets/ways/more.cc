// A second live-patchable library, in C++: exceptions pass through it, begin in it and end in it.
#include "library.h"

namespace
{
struct Cleanup {
  int *count;
  ~Cleanup() { ++*count; }
};
} // namespace

extern "C" long more_value()
{
  return 1;
}

extern "C" void more_call(void (*callback)(void *), void *argument)
{
  callback(argument);
  __asm__ volatile("" ::: "memory");
}

extern "C" void throw_value()
{
  throw 1L;
}

extern "C" void call_and_clean(void (*callback)(void *), void *argument, int *cleaned)
{
  Cleanup cleanup{cleaned};
  callback(argument);
}

extern "C" void call_and_rethrow(void (*callback)(void *), void *argument)
{
  try {
    callback(argument);
  } catch (...) {
    throw;
  }
}

// What was thrown, and it is still inside.
extern "C" long call_and_catch(void (*callback)(void *), void *argument)
{
  try {
    callback(argument);
  } catch (long thrown) {
    return thrown;
  }
  return 0;
}

extern "C" void more_relay(struct relay *r)
{
  (*r->next++)(r);
}
