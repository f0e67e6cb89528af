/* One outermost call sees one version of everything, however often it asks. */
int versions_agree(int rounds);

static __attribute__((noinline, noclone)) int first(int x)
{
  return x + 1;
}

static __attribute__((noinline, noclone)) int second(int x)
{
  return x + 1;
}

/* Gives the version that it saw, or -1 when it saw two. */
int versions_agree(int rounds)
{
  int version = first(0);
  for (int i = 0; i < rounds; i++)
    if (second(0) != version || first(0) != version)
      return -1;
  return version;
}
