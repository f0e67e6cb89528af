#include "library.h"

/*
 * The compiler must leave the calls; whether it may inline is for others to show (docs/limits.md).
 */
#define OP __attribute__((noinline, noclone))
#define NOTE(record) ((record)->to[(record)->count++ % 32] = __builtin_return_address(0))

static struct record unused, *noted = &unused;

int set_record(struct record *record)
{
  noted = record ? record : &unused;
  return 1;
}

OP int f_default(int x)
{
  NOTE(noted);
  return x + 1;
}
extern op f_alias __attribute__((alias("f_default")));

OP __attribute__((weak)) int f_weak(int x)
{
  NOTE(noted);
  return x + 2;
}

OP __attribute__((visibility("protected"))) int f_protected(int x)
{
  NOTE(noted);
  return x + 3;
}

OP __attribute__((visibility("hidden"))) int f_hidden(int x)
{
  NOTE(noted);
  return x + 4;
}

OP static int f_internal(int x)
{
  NOTE(noted);
  return x + 5;
}

OP __attribute__((cold)) int f_cold(int x)
{
  NOTE(noted);
  return x + 6;
}

#ifdef VERSIONS
OP __attribute__((symver("f_versioned@V1"))) int f_version_1(int x)
{
  NOTE(noted);
  return x + 70;
}
#define VERSIONED __attribute__((symver("f_versioned@@V2"))) int f_version_2
#else
#define VERSIONED int f_versioned
#endif
OP VERSIONED(int x)
{
  NOTE(noted);
  return x + 7;
}

OP static int f_ifunc_chosen(int x)
{
  NOTE(noted);
  return x + 8;
}
/* Runs before the library is relocated. */
static op *choose(void)
{
  return f_ifunc_chosen;
}
int f_ifunc(int x) __attribute__((ifunc("choose")));

int f_many(int a, int b, int c, int d, int e, int f, int g, int h, double x, ...)
{
  NOTE(noted);
  return a + b + c + d + e + f + g + h + (int)x;
}

int call_back(op *callback, int x)
{
  NOTE(noted);
  return callback(x) + 1;
}

int nested(int x)
{
  NOTE(noted);
  int sum = f_default(x);
  sum += f_alias(x);
  sum += f_weak(x);
  sum += f_protected(x);
  sum += f_hidden(x);
  sum += f_internal(x);
  sum += f_cold(x);
  sum += f_ifunc(x);
  return sum;
}

op *const exported_table[POINTED] = {f_default, f_alias,    f_weak, f_protected,
                                     f_hidden,  f_internal, f_ifunc};
static op *const table[POINTED] = {f_default, f_alias,    f_weak, f_protected,
                                   f_hidden,  f_internal, f_ifunc};

op *from_table(int which)
{
  return which < POINTED ? table[which] : f_default;
}

op *pointer_to(int which)
{
  switch (which) {
  case DEFAULT: return f_default;
  case ALIAS: return f_alias;
  case WEAK: return f_weak;
  case PROTECTED: return f_protected;
  case HIDDEN: return f_hidden;
  case INTERNAL: return f_internal;
  default: return f_ifunc;
  }
}

/* For --gc-sections. */
__attribute__((visibility("hidden"))) int f_nobody(int x)
{
  return x * 3;
}
