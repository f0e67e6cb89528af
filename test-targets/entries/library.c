/* Functions of every calling shape, each of which says by its result which version of value() it saw. */
#include "library.h"

#include <stdarg.h>

long value(void)
{
  return 1;
}

long sum(int count, ...)
{
  va_list list;
  va_start(list, count);
  long total = value() * 1000;
  for (int i = 0; i < count; i++)
    total += va_arg(list, int);
  va_end(list);
  return total;
}

double mix(int a, double b, long c, float d, long e, long f, long g, long h, double i)
{
  return (double)(a + c + e + f + g + h) + b + (double)d + i + 1000.0 * (double)value();
}

struct big make_big(long x, struct big in)
{
  return (struct big){{x, in.words[0] + 1, in.words[1] + 1, in.words[2] + value() * 1000}};
}

long double precise(long double x)
{
  return x + (long double)value();
}

long recurse(int depth, long (*again)(int))
{
  return depth == 0 ? value() : again(depth - 1);
}

long tail(long x)
{
  return x == 0 ? value() : tail_target(x);
}

long tail_target(long x)
{
  return value() * 1000 + x;
}

void call(void (*callback)(void))
{
  callback();
}
