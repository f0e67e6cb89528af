/* With LD_BIND_NOW the loader calls the resolver before the library's thread block is there. */
int answer(int x);
int chosen(void) __attribute__((ifunc("resolve")));

static int early;

static int two(void)
{
  return early;
}

static int never(void)
{
  return -1;
}

static int (*resolve(void))(void)
{
  early = answer(1);
  return early == 2 ? two : never;
}
