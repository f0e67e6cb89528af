/* Loads what it is told, and calls the library that it loaded last. */
#include "program.h"

#include <dlfcn.h>

static void *last;

static const char *load(const char *path, int flags)
{
  void *handle = dlopen(path, RTLD_NOW | flags);
  if (!handle)
    return dlerror();
  if (dlsym(handle, "loaded_value"))
    last = handle;
  return "loaded";
}

static const char *reply(char *line)
{
  if (strncmp(line, "local ", 6) == 0)
    return load(line + 6, RTLD_LOCAL);
  if (strncmp(line, "global ", 7) == 0)
    return load(line + 7, RTLD_GLOBAL);
  if (strcmp(line, "close") == 0)
    return dlclose(last) == 0 ? "closed" : dlerror();
  long (*value)(void) = last ? (long (*)(void))dlsym(last, "loaded_value") : NULL;
  return number(value ? value() : 0);
}

int main(void)
{
  return serve(reply);
}
