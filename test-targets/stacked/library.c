/* Three functions on which patches lie one over the other. */
int f(void);
int g(void);
int h(void);

int f(void)
{
  return 1;
}

int g(void)
{
  return 1;
}

int h(void)
{
  return 1;
}
