/* Every function of the library, giving 1000 more. */
#include "library.h"

struct Shape;
int new_default(int x), new_weak(int x), new_protected(int x), new_hidden(int x),
    new_internal(int x);
int new_cold(int x), new_versioned(int x), new_version_1(int x), new_ifunc_chosen(int x);
int new_many(int a, int b, int c, int d, int e, int f, int g, int h, double x, ...);
int new_call_back(op *callback, int x);
int new_nested(int x);
int new_set_record(struct record *record);
op *new_pointer_to(int which);
op *new_from_table(int which);

int new_default(int x)
{
  return x + 1001;
}
int new_weak(int x)
{
  return x + 1002;
}
int new_protected(int x)
{
  return x + 1003;
}
int new_hidden(int x)
{
  return x + 1004;
}
int new_internal(int x)
{
  return x + 1005;
}
int new_cold(int x)
{
  return x + 1006;
}
int new_versioned(int x)
{
  return x + 1007;
}
int new_version_1(int x)
{
  return x + 1070;
}
int new_ifunc_chosen(int x)
{
  return x + 1008;
}

int new_many(int a, int b, int c, int d, int e, int f, int g, int h, double x, ...)
{
  return 1000 + a + b + c + d + e + f + g + h + (int)x;
}

int new_call_back(op *callback, int x)
{
  return callback(x) + 1001;
}

/* What the functions are that it would call says the rest of the patch. */
int new_nested(int x)
{
  return 1000 + 8 * x + 30;
}

int new_set_record(struct record *record __attribute__((unused)))
{
  return 1001;
}

static int told(int x)
{
  return x + 1000;
}

op *new_pointer_to(int which)
{
  return which == POINTED ? 0 : told;
}

op *new_from_table(int which)
{
  return which == POINTED ? 0 : told;
}
