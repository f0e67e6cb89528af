#include "probe.h"

long new_value(void);
void new_probe(void);

long new_value(void)
{
  return 2;
}

PROBE(new_probe, 2)
