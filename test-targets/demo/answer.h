/* What the server asks its library: one file for each demo. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stddef.h>

void answer(const char *line, char *reply, size_t size);

#endif
