/* Answers a number with what the library's four functions make of it. */
#include "program.h"

int answer(int x);
int checked(int x);
int complain(int x);
int step(int x);

static const char *reply(char *line)
{
  static char text[64];
  int x = atoi(line);
  snprintf(text, sizeof text, "%d %d %d %d", answer(x), checked(x), complain(x), step(x));
  return text;
}

int main(void)
{
  return serve(reply);
}
