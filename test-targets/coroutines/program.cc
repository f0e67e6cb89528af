/*
 * Coroutines of one kind (the argument), each with calls into the library out of which it yields.
 *
 *   rounds N T   T threads, each with N rounds of random work -> "ok", or what was wrong
 *   suspend      a coroutine begins, and yields inside of the library, and so does this thread ->
 *                "suspended"
 *   finish       both go on to their end -> the versions that they saw
 *   start T      T threads work until they are told -> "started"
 *   stop         -> "ok", or what was wrong
 *   value        a new call -> the version
 */
#include "coroutine.h"
#include "library.h"
#include "program.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

static std::unique_ptr<coroutine> (*make)(std::function<void(coroutine &)>);

static std::mutex lock;
static std::string first_failure;

static void expect(bool condition, const char *what)
{
  if (condition)
    return;
  const std::lock_guard<std::mutex> guard(lock);
  if (first_failure.empty())
    first_failure = what;
}

static bool is_version(long seen)
{
  return seen == 1 || seen == 2;
}

/* ---- random work ---- */

struct call {
  coroutine *self;
  int depth;
};

static void call_and_yield(void *argument)
{
  const struct call *call = (const struct call *)argument;
  call->self->yield();
  if (call->depth > 0) {
    struct call deeper = {call->self, call->depth - 1};
    expect(is_version(run(call_and_yield, &deeper)),
           "a nested call in a coroutine saw two versions");
    call->self->yield();
  }
}

/* Calls of some depth, in each of which it yields, with yields outside between them. */
static void work(coroutine &self, int calls)
{
  for (int i = 0; i < calls; i++) {
    struct call call = {&self, i % 3};
    expect(is_version(run(call_and_yield, &call)), "a call in a coroutine saw two versions");
    self.yield();
  }
}

struct worker {
  std::minstd_rand random;
  std::vector<std::unique_ptr<coroutine>> alive;

  unsigned below(unsigned n) { return (unsigned)random() % n; }

  void step()
  {
    if (alive.empty() || (alive.size() < 4 && below(4) == 0)) {
      const int calls = 1 + (int)below(3);
      alive.push_back(make([calls](coroutine &self) { work(self, calls); }));
    }
    const unsigned i = below((unsigned)alive.size());
    alive[i]->resume();
    if (alive[i]->done)
      alive.erase(alive.begin() + i);
  }
};

/* Coroutines begin and go on while their thread is inside itself. */
static void step_inside(void *argument)
{
  struct worker *worker = (struct worker *)argument;
  for (unsigned n = 1 + worker->below(3); n > 0; n--)
    worker->step();
}

static void round_of(struct worker &worker)
{
  for (int i = 0; i < 40; i++)
    if (worker.below(3) == 0)
      expect(is_version(run(step_inside, &worker)), "a call of a thread saw two versions");
    else
      worker.step();
  while (!worker.alive.empty()) {
    worker.alive.back()->resume();
    if (worker.alive.back()->done)
      worker.alive.pop_back();
  }
}

static std::atomic<bool> running;
static std::vector<std::thread> threads;

static const char *join()
{
  running = false;
  for (std::thread &thread : threads)
    thread.join();
  threads.clear();
  return first_failure.empty() ? "ok" : first_failure.c_str();
}

/* rounds < 0: until running is false */
static void start(long rounds, unsigned count)
{
  running = true;
  for (unsigned i = 0; i < count; i++)
    threads.emplace_back([rounds, i] {
      struct worker worker = {std::minstd_rand(i + 1), {}};
      for (long n = 0; rounds < 0 ? running.load() : n < rounds; n++)
        round_of(worker);
    });
}

/* ---- one that is suspended ---- */

static std::unique_ptr<coroutine> held;
static long held_saw, held_saw_last;

static void yield_once(void *self)
{
  ((coroutine *)self)->yield();
}

static const char *suspend()
{
  held = make([](coroutine &self) {
    held_saw = run(yield_once, &self);
    held_saw_last = value();
  });
  held->resume();
  return "suspended";
}

/* As `suspend`, but the thread is inside when the coroutine begins, and then leaves. */
static void suspend_inside(void *)
{
  suspend();
}

static const char *finish()
{
  static char answer[64];
  held->resume();
  snprintf(answer, sizeof answer, "%ld then %ld", held_saw, held_saw_last);
  held.reset();
  return answer;
}

static const char *reply(char *line)
{
  long n;
  unsigned count;
  if (sscanf(line, "rounds %ld %u", &n, &count) == 2) {
    start(n, count);
    for (std::thread &thread : threads)
      thread.join();
    threads.clear();
    return join();
  }
  if (sscanf(line, "start %u", &count) == 1) {
    start(-1, count);
    return "started";
  }
  if (strcmp(line, "stop") == 0)
    return join();
  if (strcmp(line, "suspend") == 0)
    return suspend();
  if (strcmp(line, "suspend inside") == 0)
    return is_version(run(suspend_inside, nullptr)) ? "suspended" : "two versions";
  if (strcmp(line, "finish") == 0)
    return finish();
  return number(value());
}

int main(int, char **argv)
{
  for (const struct kind *kind = kinds; kind->name; kind++)
    if (argv[1] && strcmp(kind->name, argv[1]) == 0)
      make = kind->make;
  return make ? serve(reply) : 2;
}
