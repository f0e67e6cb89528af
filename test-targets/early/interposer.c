/* Live-patchable, and in front of libc: what libpulp.so calls comes here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_calloc(size_t count, size_t size);

static atomic_long calls;

long interposed(void)
{
  return calls;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
  static int (*real)(pthread_key_t, const void *);
  calls++;
  if (!real)
    real = (int (*)(pthread_key_t, const void *))dlsym(RTLD_NEXT, "pthread_setspecific");
  return real(key, value);
}

void *calloc(size_t count, size_t size)
{
  calls++;
  return __libc_calloc(count, size);
}
