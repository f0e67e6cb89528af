/*
 * What leaving a library by a throw and by a longjmp costs, and a thread's first call: plain and
 * live in pairs, in one process. `measure ROUNDS` prints for throw, longjmp and first call: the
 * plain median in ns, then what live costs more as 10th percentile, median, 90th percentile.
 */
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <ctime>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <vector>

extern "C" {
void plain_call(void (*callback)(void));
void live_call(void (*callback)(void));
int plain_00(void);
int live_00(void);
}

using Call = void (*)(void (*)(void));

static double now()
{
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

static jmp_buf back;
static void throws()
{
  throw 1;
}
static void jumps()
{
  longjmp(back, 1);
}

static double by_throw(Call call)
{
  const int times = 300;
  double start = now();
  for (int i = 0; i < times; i++)
    try {
      call(throws);
    } catch (int) {
    }
  return (now() - start) / times;
}

static double by_longjmp(Call call)
{
  const int times = 3000;
  double start = now();
  for (volatile int i = 0; i < times; i = i + 1)
    if (setjmp(back) == 0)
      call(jumps);
  return (now() - start) / times;
}

struct First {
  double plain, live;
};

/*
 * In a new thread; the clock and the plain library's page are warm, the live one's are as warm as
 * they get.
 */
static void *first(void *result)
{
  auto *out = static_cast<First *>(result);
  now();
  double a = now();
  plain_00();
  double b = now();
  live_00();
  double c = now();
  *out = {b - a, c - b};
  return nullptr;
}

static First first_call()
{
  First result{0, 0};
  pthread_t thread;
  if (pthread_create(&thread, nullptr, first, &result) == 0)
    pthread_join(thread, nullptr);
  return result;
}

static double quantile(std::vector<double> values, double q)
{
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

template <class Pair> static void report(int rounds, Pair pair)
{
  std::vector<double> plain, more;
  for (int i = -1; i < rounds; i++) { /* the first does not count */
    First one = pair();
    if (i < 0)
      continue;
    plain.push_back(one.plain);
    more.push_back(one.live - one.plain);
  }
  std::printf("%.1f %.1f %.1f %.1f ", quantile(plain, 0.5), quantile(more, 0.1),
              quantile(more, 0.5), quantile(more, 0.9));
}

int main()
{
  char line[64];
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
  sched_setaffinity(0, sizeof set, &set);
  std::puts("ready");
  std::fflush(stdout);
  while (std::fgets(line, sizeof line, stdin)) {
    int rounds = 0;
    if (std::sscanf(line, "measure %d", &rounds) != 1 || rounds < 1)
      return 2;
    report(rounds, [] { return First{by_throw(plain_call), by_throw(live_call)}; });
    report(rounds, [] { return First{by_longjmp(plain_call), by_longjmp(live_call)}; });
    report(rounds * 4, first_call);
    std::puts("");
    std::fflush(stdout);
  }
  return 0;
}
