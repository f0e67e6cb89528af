/* Callbacks, recursion, tail calls, and two libraries that call each other. */
#include "cases.h"
#include "library.h"

static void callback(void)
{
  call(inside, NULL);
  after();
}

/* The version is that of the moment of the entry, whenever it is first looked at. */
static void look_late(void *unused)
{
  (void)unused;
  hold();
  see();
}

static void looked_at_late(void)
{
  call(look_late, NULL);
  after();
}

static void into_second(void *unused)
{
  see();
  more_call(inside, unused);
  see();
}

static void into_first(void *unused)
{
  call(into_second, unused);
}

/* Inside the first, through the second, in the first again; then with the second around it all. */
static void two_libraries(void)
{
  call(into_second, NULL);
  outermost();
  more_call(into_first, NULL);
  after();
}

static long again(int depth)
{
  see();
  if (depth == 3)
    hold();
  return recurse(depth, again);
}

static void recursion(void)
{
  saw(recurse(20, again));
  after();
}

static void tail_nested(void *unused)
{
  (void)unused;
  saw(tail_value());
  hold();
  saw(tail_value());
}

static void tail_within(void)
{
  outermost();
  saw(tail_value());
  outermost();
  call(tail_nested, NULL);
  after();
}

/* The library's frame is gone when the callback runs, and yet its call is not over. */
static void tail_out(void)
{
  tail_call(inside, NULL);
  after();
}

const struct one_case calling_cases[] = {
    {"callback", callback},
    {"looked-at-late", looked_at_late},
    {"two-libraries", two_libraries},
    {"recursion", recursion},
    {"tail-within", tail_within},
    {"tail-out", tail_out},
    {NULL, NULL},
};
