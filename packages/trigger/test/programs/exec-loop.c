/*
 * Executes itself over and over: exec-loop HOW ROUND WRONG [PRELOAD]. HOW has a letter for each of:
 * `t` a thread that is not the first one executes it; `m` with and without libpulp.so in turns; `o`
 * at once, without a call of the library. Answers each line with "ROUND WRONG": programs so far,
 * and wrong answers of the library (in a program without libpulp.so, all but 2).
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int answer(int x);

enum { LONGEST_MS = 40 };
static char **arguments;
static char *preload;
static long round_number, wrong;

static void *execute(void *unused)
{
  char next[32], count[32];
  const char *how = arguments[1];
  srand((unsigned)time(NULL) + (unsigned)round_number);
  const int ms = strchr(how, 'o') ? 0 : rand() % LONGEST_MS;
  for (clock_t end = clock() + ms * (CLOCKS_PER_SEC / 1000); clock() < end;) {
    int now = answer(1);
    if (now != 2 && (now != 1001 || !getenv("LD_PRELOAD")))
      wrong++;
  }
  snprintf(next, sizeof next, "%ld", round_number + 1);
  snprintf(count, sizeof count, "%ld", wrong);
  if (strchr(how, 'm') && getenv("LD_PRELOAD"))
    unsetenv("LD_PRELOAD");
  else
    setenv("LD_PRELOAD", preload, 1);
  execl("/proc/self/exe", arguments[0], how, next, count, preload, (char *)NULL);
  perror("execl");
  _exit(1);
  return unused;
}

int main(int argc, char **argv)
{
  pthread_t thread;
  struct pollfd input = {0, POLLIN, 0};
  char line[64];
  if (argc < 4)
    return 2;
  arguments = argv;
  round_number = atol(argv[2]);
  wrong = atol(argv[3]);
  preload = argc > 4 ? argv[4] : getenv("LD_PRELOAD");
  setvbuf(stdin, NULL, _IONBF, 0);
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (round_number == 0)
    puts("ready");
  if (poll(&input, 1, 0) > 0) {
    if (!fgets(line, sizeof line, stdin))
      return 0;
    printf("%ld %ld\n", round_number, wrong);
  }
  if (!strchr(argv[1], 't'))
    execute(NULL);
  pthread_create(&thread, NULL, execute, NULL);
  pthread_join(thread, NULL);
}
