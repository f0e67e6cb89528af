/* One of two libraries; NAME gives its prefix. version() is what a patch replaces. */
#define GLUE(a, b) a##b
#define NAMED(prefix, name) GLUE(prefix, name)

long NAMED(NAME, _version)(void);
void NAMED(NAME, _call)(void (*callback)(void *), void *argument);

long NAMED(NAME, _version)(void)
{
  return 1;
}

void NAMED(NAME, _call)(void (*callback)(void *), void *argument)
{
  callback(argument);
}
