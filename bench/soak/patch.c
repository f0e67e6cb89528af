/* The N-th patch. With LEAK, it loses two pages each time that it is loaded. */
#ifdef LEAK
#include <stdlib.h>
#include <string.h>

void *soak_lost;

__attribute__((constructor)) static void lose(void)
{
  soak_lost = memset(malloc(8192), 1, 8192);
}
#endif

int new_f(void);
int new_g(void);
int new_h(void);

int new_f(void)
{
  return N;
}
int new_g(void)
{
  return N;
}
int new_h(void)
{
  return N;
}
