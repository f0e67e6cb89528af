/* At a line of input it executes cat, while a child that shares its memory keeps that alive. */
#define _GNU_SOURCE
#include "keep-memory.h"

#include <stdio.h>

int main(void)
{
  setvbuf(stdin, NULL, _IONBF, 0);
  printf("ready\n");
  fflush(stdout);
  if (getchar() == EOF || getchar() == EOF)
    return 1;
  if (keep_memory() < 0)
    return 1;
  execl("/bin/cat", "cat", (char *)NULL);
  return 1;
}
