/*
 * What the patches of the soak replace: f, g and, some of them, h. In each version all three give
 * the same number.
 */
#define _GNU_SOURCE
#include <unistd.h>

int soak_f(void);
int soak_g(void);
int soak_h(void);
int soak_both(void);
int soak_hold(unsigned us);
void soak_through(void (*callback)(void *), void *argument);

int soak_f(void)
{
  return 1;
}
int soak_g(void)
{
  return 1;
}
int soak_h(void)
{
  return 1;
}

/* f's number when g gives the same, else -1. */
int soak_both(void)
{
  int f = soak_f(), g = soak_g();
  return f == g ? f : -1;
}

/* The same from the beginning to the end of a call that takes long; else -1. */
int soak_hold(unsigned us)
{
  int before = soak_both();
  usleep(us);
  return soak_both() == before ? before : -1;
}

void soak_through(void (*callback)(void *), void *argument)
{
  callback(argument);
}
