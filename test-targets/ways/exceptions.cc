// C++ exceptions that are thrown in, through, into and out of one and two live-patchable libraries.
#include "cases.h"
#include "library.h"

#include <stdexcept>
#include <string>
#include <unistd.h>

namespace
{

struct Cleanup {
  int *count;
  ~Cleanup() { ++*count; }
};

void throw_from_library(void *)
{
  inside(nullptr);
  throw_value();
}

// Gives what was thrown; 0 for nothing.
template <typename F> long caught(F function)
{
  try {
    function();
  } catch (long thrown) {
    return thrown;
  }
  return 0;
}

void thrown_in_library()
{
  outermost();
  saw(caught([] { throw_value(); }));
  outermost();
  EXPECT(caught([] { call(throw_from_library, nullptr); }) != 0);
  after();
}

void throw_own(void *argument)
{
  Cleanup cleanup{static_cast<int *>(argument)};
  inside(nullptr);
  throw std::logic_error("own");
}

void thrown_in_callback()
{
  int cleaned = 0;
  bool as_thrown = false;
  try {
    call(throw_own, &cleaned);
  } catch (const std::logic_error &error) {
    as_thrown = error.what() == std::string("own");
  }
  EXPECT(as_thrown && cleaned == 1);
  after();
}

struct Both {
  int cleaned;
};

void clean_and_throw(void *argument)
{
  auto both = static_cast<Both *>(argument);
  call_and_clean(throw_own, &both->cleaned, &both->cleaned);
}

// First library, second library, callback; out of all of them at once.
void through_several()
{
  Both both{0};
  bool seen = false;
  try {
    call(clean_and_throw, &both);
  } catch (const std::exception &) {
    seen = true;
  }
  EXPECT(seen && both.cleaned == 2);
  after();
}

void rethrow_own(void *cleaned)
{
  call_and_rethrow(throw_own, cleaned);
}

void rethrow_from_library(void *)
{
  call_and_rethrow(throw_from_library, nullptr);
}

void rethrown()
{
  bool seen = false;
  int cleaned = 0;
  try {
    call(rethrow_own, &cleaned);
  } catch (const std::logic_error &) {
    seen = true;
  }
  EXPECT(seen && cleaned == 1);
  outermost();
  EXPECT(caught([] { call(rethrow_from_library, nullptr); }) != 0);
  after();
}

// The exception ends inside of the first library: the call goes on, with the version that it had.
void catch_inside(void *)
{
  see();
  int cleaned = 0;
  EXPECT(caught([] { throw_value(); }) != 0);
  see();
  EXPECT(call_and_catch(throw_from_library, nullptr) != 0);
  try {
    call(throw_own, &cleaned);
  } catch (const std::exception &) {
    see();
  }
  EXPECT(cleaned == 1);
  see();
}

void caught_inside()
{
  call(catch_inside, nullptr);
  after();
}

void catch_in_library(void *)
{
  EXPECT(call_and_catch(throw_from_library, nullptr) != 0);
  see();
}

void caught_in_library()
{
  call(catch_in_library, nullptr);
  after();
}

// While an exception unwinds, destructors call the library, and catch exceptions of their own.
struct Busy {
  ~Busy()
  {
    glance();
    EXPECT(caught([] { throw_value(); }) != 0);
    outermost();
    call(inside, nullptr);
  }
};

void throw_past_busy()
{
  Busy busy;
  throw_value();
}

void thrown_while_unwinding()
{
  EXPECT(caught([] { throw_past_busy(); }) != 0);
  after();
}

// Handed over to another thread, and thrown again there.
std::exception_ptr carry(void (*function)())
{
  try {
    function();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

void *throw_there(void *carried)
{
  EXPECT(caught([&] { std::rethrow_exception(*static_cast<std::exception_ptr *>(carried)); }) != 0);
  return nullptr;
}

void carried_to_another_thread()
{
  auto carried = carry([] { call(throw_from_library, nullptr); });
  EXPECT(carried != nullptr);
  pthread_join(spawn(throw_there, &carried), nullptr);
  after();
}

// A thread that ends unwinds too.
struct After {
  ~After() { after(); }
};

void exit_inside(void *)
{
  inside(nullptr);
  pthread_exit(nullptr);
}

void *exit_there(void *)
{
  After last;
  call(exit_inside, nullptr);
  return nullptr;
}

void thread_exits()
{
  pthread_join(spawn(exit_there, nullptr), nullptr);
}

void wait_for_ever(void *)
{
  inside(nullptr);
  for (;;)
    pause();
}

void *wait_there(void *)
{
  After last;
  call(wait_for_ever, nullptr);
  return nullptr;
}

void thread_is_cancelled()
{
  pthread_t thread = spawn(wait_there, nullptr);
  pthread_cancel(thread);
  pthread_join(thread, nullptr);
}

} // namespace

extern const one_case exception_cases[] = {
    {"thrown-in-library", thrown_in_library},
    {"thrown-in-callback", thrown_in_callback},
    {"thrown-through-several", through_several},
    {"rethrown", rethrown},
    {"caught-inside", caught_inside},
    {"caught-in-library", caught_in_library},
    {"thrown-while-unwinding", thrown_while_unwinding},
    {"carried-to-another-thread", carried_to_another_thread},
    {"unwound-by-exit", thread_exits},
    {"unwound-by-cancellation", thread_is_cancelled},
    {nullptr, nullptr},
};
