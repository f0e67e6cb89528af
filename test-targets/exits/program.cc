// Ends in the way that it is told; whatever runs then says which version it sees.
#include "program.h"

#include <pthread.h>
#include <string>
#include <unistd.h>

extern "C" long value();
extern "C" void call(void (*callback)(void *), void *argument);

static void say(const char *who)
{
  printf("%s %ld\n", who, value());
  fflush(stdout);
}

namespace
{
struct Last {
  const char *who;
  ~Last() { say(who); }
};
} // namespace

static Last object{"static object"};
static thread_local Last of_thread{"thread variable"};

__attribute__((destructor)) static void destructor()
{
  say("destructor of the program");
}
static void at_exit()
{
  say("atexit");
}
static void at_quick_exit_()
{
  say("at_quick_exit");
}
static void exit_inside(void *)
{
  exit(0);
}
static void wait_inside(void *)
{
  for (;;)
    pause();
}

static void *inside(void *callback)
{
  (void)of_thread.who;
  call(reinterpret_cast<void (*)(void *)>(callback), nullptr);
  return nullptr;
}

static void thread(void (*callback)(void *))
{
  pthread_t id;
  if (pthread_create(&id, nullptr, inside, reinterpret_cast<void *>(callback)) != 0)
    abort();
}

static const char *reply(char *line)
{
  const std::string way = line;
  (void)of_thread.who;
  if (way == "exit")
    exit(0);
  if (way == "exit inside")
    call(exit_inside, nullptr);
  if (way == "exit in a thread, inside") {
    thread(exit_inside);
    wait_inside(nullptr);
  }
  if (way == "quick_exit")
    quick_exit(0);
  if (way == "last thread")
    pthread_exit(nullptr); // exit() follows when the last thread has ended
  if (way == "a thread stays inside") {
    thread(wait_inside);
    exit(0);
  }
  return number(value());
}

int main()
{
  atexit(at_exit);
  at_quick_exit(at_quick_exit_);
  return serve(reply);
}
