/*
 * uninterruptible FILE: its only thread writes a byte to FILE for each line, then says what the
 * library answers; "wrong" when the byte was not written.
 */
#include "program.h"

#include <fcntl.h>
#include <unistd.h>

int answer(int x);

static int file;

static const char *reply(char *line)
{
  return write(file, line, 1) == 1 ? number(answer(1)) : "wrong";
}

int main(int argc, char **argv)
{
  file = open(argv[argc - 1], O_WRONLY | O_CREAT | O_APPEND, 0600);
  return file < 0 ? 1 : serve(reply);
}
