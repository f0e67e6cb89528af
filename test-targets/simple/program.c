#include "program.h"

typedef int function(int);
int answer(int x);
int twice_plus_one(int x);
function *pointer_to_answer(void);

static const char *reply(char *line)
{
  if (strcmp(line, "answer") == 0)
    return number(answer(1));
  if (strcmp(line, "static") == 0)
    return number(twice_plus_one(10));
  if (strcmp(line, "pointer") == 0)
    return number(pointer_to_answer() == answer ? pointer_to_answer()(1) : -1);
  return "?";
}

int main(void)
{
  return serve(reply);
}
