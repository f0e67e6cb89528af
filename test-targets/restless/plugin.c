/* Loaded and unloaded without pause: its exit handler runs when it goes. */
#include <stdlib.h>

extern long handlers_run;

static void on_exit_handler(void)
{
  __atomic_add_fetch(&handlers_run, 1, __ATOMIC_RELAXED);
}

static __attribute__((constructor)) void loaded(void)
{
  if (atexit(on_exit_handler) != 0)
    abort();
}
