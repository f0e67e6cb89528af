/* A parent that waits in vfork for a child: it cannot be stopped meanwhile. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
  printf("ready\n");
  fflush(stdout);
  if (vfork() == 0) {
    sleep(2);
    _exit(0);
  }
  printf("resumed\n");
  fflush(stdout);
  pause();
}
