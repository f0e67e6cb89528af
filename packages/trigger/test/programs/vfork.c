/* Its only thread waits in vfork until the child has read a line. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

int answer(int x);

int main(void)
{
  char c;
  puts("ready");
  fflush(stdout);
  if (vfork() == 0)
    _exit(read(0, &c, 1) != 1);
  printf("%d\n", answer(1));
  fflush(stdout);
  while (getchar() != EOF)
    ;
  return 0;
}
