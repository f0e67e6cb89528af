/*
 * exec-at-signal [PROGRAM [keep]]: at SIGUSR1 it executes PROGRAM; with `keep`, a child that shares
 * its memory keeps that alive. Answers "answer" by what the library says.
 */
#define _GNU_SOURCE
#include "keep-memory.h"
#include "program.h"

int answer(int x);

static char **arguments;
static void execute(int signal)
{
  sigset_t all;
  (void)signal;
  /* The program begins as any other does: with nothing blocked. */
  sigemptyset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  if (arguments[2] && keep_memory() < 0)
    _exit(3);
  execl(arguments[1], arguments[1], (char *)NULL);
  _exit(4);
}

static const char *reply(char *line)
{
  return strcmp(line, "answer") ? "?" : number(answer(1));
}

int main(int argc, char **argv)
{
  arguments = argv;
  if (argc > 1)
    signal(SIGUSR1, execute);
  return serve(reply);
}
