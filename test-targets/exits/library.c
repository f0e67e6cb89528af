#include <stdio.h>

long value(void);
void call(void (*callback)(void *), void *argument);

long value(void)
{
  return 1;
}

void call(void (*callback)(void *), void *argument)
{
  callback(argument);
  __asm__ volatile("" ::: "memory");
}

__attribute__((destructor)) static void last(void)
{
  printf("destructor of the library %ld\n", value());
  fflush(stdout);
}
