/* A library that only hands on. */
#include "library.h"

void third_relay(struct relay *r)
{
  (*r->next++)(r);
}
