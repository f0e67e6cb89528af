/*
 * What every test program shares: it prints "ready", then answers each line of input with one line.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gives the answer to a line, which has no newline any more. */
typedef const char *answer_fn(char *line);

static inline int serve(answer_fn *answer)
{
  char line[1024];
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    puts(answer(line));
  }
  return 0;
}

/* A number as an answer. */
static inline const char *number(long value)
{
  static __thread char text[32];
  snprintf(text, sizeof text, "%ld", value);
  return text;
}

#endif
