/* Writes a megabyte to the FIFO that the first argument names, whose reader comes later, and says how much it was. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int answer(int x);

int main(int argc, char **argv)
{
  static char much[1 << 20];
  int fifo = open(argv[argc - 1], O_RDWR);
  puts("ready");
  fflush(stdout);
  printf("%zd\n", write(fifo, much, sizeof much));
  fflush(stdout);
  while (getchar() == '\n') {
    printf("%d\n", answer(1));
    fflush(stdout);
  }
  return 0;
}
