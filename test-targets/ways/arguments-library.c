/*
 * Functions of every calling shape, each of which says by its result which version of value() it
 * saw.
 */
#include "library.h"
#include "probe.h"

#include <stdarg.h>

PROBE(probe, 1)

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

double sum_of_doubles(int count, ...)
{
  va_list list;
  va_start(list, count);
  double total = (double)value() * 1000;
  for (int i = 0; i < count; i++)
    total += va_arg(list, double);
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

struct mixed make_mixed(struct mixed in)
{
  return (struct mixed){in.whole + value() * 1000, in.half * 2};
}

__int128 wide(__int128 x)
{
  return x + value();
}

long double precise(long double x)
{
  return x + (long double)value();
}

long double _Complex precise_complex(long double _Complex x)
{
  return x * 2 + (long double)value();
}

float _Complex narrow_complex(float _Complex x)
{
  return x * 2 + (float)value();
}
