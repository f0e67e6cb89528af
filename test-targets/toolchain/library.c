/*
 * Functions in every place that gcc puts them: hot, cold, local, of sizes that no alignment fits.
 */
#include <stdlib.h>

int answer(int x);
int checked(int x);
int complain(int x);
int step(int x);
int dropped(int x);

static volatile int complaints;

static __attribute__((noinline, noclone)) int odd(int x)
{
  return x * 3;
}

static int small(int x)
{
  return x + 7;
}

__attribute__((cold)) int complain(int x)
{
  complaints++;
  return odd(x) - 1;
}

int checked(int x)
{
  if (__builtin_expect(x < 0, 0)) {
    complain(x);
    if (x < -1000)
      abort();
    complain(x + 1);
  }
  return small(x) + odd(x);
}

int step(int x)
{
  return small(x);
}

int answer(int x)
{
  return x + 1;
}

/* Nobody calls it: --gc-sections drops it, and its record. */
__attribute__((visibility("hidden"))) int dropped(int x)
{
  return checked(x) + 1;
}
