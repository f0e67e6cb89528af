#include "program.h"

#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

extern "C" int cleanups();
extern "C" int thrower(int x);
extern "C" int relay(int (*callback)(int), int x);

static std::string text;
static jmp_buf place;
static int depth;

static int throw_logic(int)
{
  throw std::logic_error("callback");
}
static int throw_again(int x)
{
  return thrower(x);
}
static int jump(int)
{
  longjmp(place, 1);
}
static int leave_thread(int)
{
  pthread_exit(reinterpret_cast<void *>(7));
}
static int measure(int)
{
  void *frames[64];
  depth = backtrace(frames, 64);
  return depth;
}
static int wait_for_cancel(int)
{
  for (;;)
    pause();
}

static void *in_thread(void *callback)
{
  relay(reinterpret_cast<int (*)(int)>(callback), 0);
  return nullptr;
}

static long run_thread(int (*callback)(int), bool cancel)
{
  pthread_t thread;
  void *result = nullptr;
  pthread_create(&thread, nullptr, in_thread, reinterpret_cast<void *>(callback));
  if (cancel)
    pthread_cancel(thread);
  pthread_join(thread, &result);
  return reinterpret_cast<long>(result);
}

static std::string command(const std::string &line)
{
  try {
    if (line == "throw")
      return std::to_string(thrower(-1));
    if (line == "callback")
      return std::to_string(relay(throw_logic, 0));
    if (line == "nested")
      return std::to_string(relay(throw_again, -1));
    if (line == "plain")
      return std::to_string(relay(thrower, 1));
    if (line == "longjmp") {
      if (setjmp(place) == 0)
        relay(jump, 0);
      return "jumped";
    }
    if (line == "backtrace")
      return relay(measure, 0) > 4 && depth > 4 ? "deep" : "cut off";
    if (line == "exit")
      return std::to_string(run_thread(leave_thread, false));
    if (line == "cancel")
      return run_thread(wait_for_cancel, true) == -1 ? "cancelled" : "not";
    return "?";
  } catch (const std::exception &error) {
    return std::string("caught ") + error.what();
  }
}

static const char *reply(char *line)
{
  text = command(line);
  return text.c_str();
}

int main()
{
  return serve(reply);
}
