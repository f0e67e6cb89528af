#include "answer.h"

#include <stdio.h>

const char *greeting(void);

void answer(const char *line, char *reply, size_t size)
{
  snprintf(reply, size, "%s, %s", greeting(), line);
}
