/* A library that is not live-patchable itself, and brings libpulp.so with it. */
long needs_runtime(void);

long needs_runtime(void)
{
  return 7;
}
