/* A library in which threads wait at known places. */
#include "library.h"

#include <unistd.h>

long value(void)
{
  return 1;
}

static __attribute__((noinline)) long wait_for_byte(int fd)
{
  char byte = 0;
  long got = read(fd, &byte, 1);
  return got == 1 ? byte : -1;
}

long wait_in_library(int fd)
{
  return wait_for_byte(fd) + value() - 1;
}

long call(long (*callback)(void *), void *argument)
{
  return callback(argument) + value() - 1;
}

void spin(volatile int *go_on)
{
  while (*go_on)
    ;
}
