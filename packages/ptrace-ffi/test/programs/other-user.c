/* Becomes the user and group UID; with a second argument, asks not to be looked into. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  uid_t id = argc > 1 ? (uid_t)atoi(argv[1]) : 0;
  if (argc > 1 && (setresgid(id, id, id) || setresuid(id, id, id)))
    return 1;
  prctl(PR_SET_DUMPABLE, argc > 2 ? 0 : 1);
  printf("ready\n");
  fflush(stdout);
  for (;;)
    pause();
}
