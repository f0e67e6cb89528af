/* Loads what it is told, and calls the library that it loaded last. */
#include "program.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <ucontext.h>

static void *last;

/* ---- what libpulp.so interposes ---- */

static ucontext_t outside, coroutine;
static long visits;

static void visit(void)
{
  visits++;
  swapcontext(&coroutine, &outside);
  visits++;
}

/* Jumps and switches, by each function that has its own entry there. */
static const char *jump(void)
{
  static char stack[1 << 16];
  jmp_buf here;
  sigjmp_buf there;
  visits = 0;
  if (setjmp(here) == 0)
    longjmp(here, 1);
  if (_setjmp(here) == 0)
    _longjmp(here, 1);
  if (sigsetjmp(there, 1) == 0)
    siglongjmp(there, 1);
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack;
  coroutine.uc_stack.ss_size = sizeof stack;
  coroutine.uc_link = &outside;
  makecontext(&coroutine, visit, 0);
  swapcontext(&outside, &coroutine);
  swapcontext(&outside, &coroutine);
  return number(visits);
}

static const char *load(const char *path, int flags)
{
  void *handle = dlopen(path, RTLD_NOW | flags);
  if (!handle)
    return dlerror();
  if (dlsym(handle, "loaded_value"))
    last = handle;
  return "loaded";
}

/* By the longjmp that a library has, wherever that stands in the lookup order. */
static const char *jump_by(const char *path)
{
  jmp_buf here;
  void *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  void (*by)(jmp_buf, int) = handle ? (void (*)(jmp_buf, int))dlsym(handle, "longjmp") : NULL;
  if (!by)
    return dlerror();
  if (setjmp(here) == 0)
    by(here, 1);
  return "jumped";
}

static const char *reply(char *line)
{
  if (strncmp(line, "local ", 6) == 0)
    return load(line + 6, RTLD_LOCAL);
  if (strncmp(line, "global ", 7) == 0)
    return load(line + 7, RTLD_GLOBAL);
  if (strcmp(line, "jump") == 0)
    return jump();
  if (strncmp(line, "jump ", 5) == 0)
    return jump_by(line + 5);
  if (strcmp(line, "close") == 0)
    return dlclose(last) == 0 ? "closed" : dlerror();
  long (*value)(void) = last ? (long (*)(void))dlsym(last, "loaded_value") : NULL;
  return number(value ? value() : 0);
}

int main(void)
{
  return serve(reply);
}
