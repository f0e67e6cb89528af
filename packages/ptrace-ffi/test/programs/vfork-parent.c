/* A parent that waits in vfork for a child, which reads: it cannot be stopped meanwhile. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
  printf("ready\n");
  fflush(stdout);
  char byte;
  if (vfork() == 0)
    _exit(read(0, &byte, 1) != 1);
  printf("resumed\n");
  fflush(stdout);
  pause();
}
