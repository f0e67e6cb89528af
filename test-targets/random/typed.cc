/*
 * Calls with arguments and results of every class: in registers of each kind, in memory, on the x87
 * stack.
 */
#include "world.h"

/* A float and a double hold these exactly, so that results are compared by ==. */
static void compare(const char *what, bool same, long argument)
{
  if (!same)
    random_wrong(what, argument, 0);
}

__attribute__((target("avx"))) static void avx_call(const struct node *n)
{
  const double x = n->argument;
  const avx_vector in = {x, x + 1, x + 2, x + 3};
  avx_vector out;
  switch (n->library) {
  case 0: out = a_avx(n, in); break;
  case 1: out = b_avx(n, in); break;
  default: out = c_avx(n, in);
  }
  compare("a result: avx", out[0] == 2 * x && out[3] == 2 * x + 6, n->argument);
}

#define OF(f) (n->library == 0 ? a_##f : n->library == 1 ? b_##f : c_##f)

void typed_call(const struct node *n)
{
  const long x = n->argument;
  const struct mark here = random_begin();
  switch ((n->argument >> 1) % 8) {
  case 0: {
    double d = OF(mixed)(n, (int)x, 1.5, x + 1, 2.5f, x + 2, x + 3, x + 4, x + 5, 3.5);
    compare("a result: mixed",
            d == (double)(x + 3 + 3 * (x + 1) + 10 + 5 * (x + 2) + 6 * (x + 3) + 7 * (x + 4) +
                          8 * (x + 5)) +
                     31.5,
            x);
    break;
  }
  case 1: {
    struct big big = OF(big)(n, (struct big){{x, x + 1, x + 2, x + 3}});
    compare("a result: big", big.words[0] == x + 3 && big.words[3] == x, x);
    break;
  }
  case 2: {
    struct pair pair = OF(pair)(n, (struct pair){x, (double)x});
    compare("a result: pair", pair.whole == x + 1 && pair.half == 2.0 * (double)x, x);
    break;
  }
  case 3: {
    const __int128 wide = (__int128)x << 64 | x;
    compare("a result: wide", OF(wide)(n, wide) == wide * 3, x);
    break;
  }
  case 4: {
    const long double precise = (long double)x + 1;
    compare("a result: precise", OF(precise)(n, precise) == precise / 3, x);
    break;
  }
  case 5: {
    const float f = (float)x;
    vector out = OF(vector)(n, vector{f, f + 1, f + 2, f + 3});
    compare("a result: vector", out[0] == 2 * f && out[3] == 2 * f + 6, x);
    break;
  }
  case 6: {
    double d = OF(sum)(n, 4, x, 2.0, x, 4.0, x, 6.0, x, 8.0);
    compare("a result: sum", d == (double)(4 * x + 10), x);
    break;
  }
  default:
    if (__builtin_cpu_supports("avx"))
      avx_call(n);
  }
  random_end(&here);
}
