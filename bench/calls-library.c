/* An empty function, and one that calls back; NAME is `plain` or `live`. */
#define GLUE(a, b) a##b
#define NAMED(prefix, name) GLUE(prefix, name)

int NAMED(NAME, _empty)(void);
void NAMED(NAME, _call)(void (*callback)(void));

int NAMED(NAME, _empty)(void)
{
  return 1;
}

void NAMED(NAME, _call)(void (*callback)(void))
{
  callback();
}
