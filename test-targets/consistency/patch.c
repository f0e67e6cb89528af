long new_a_version(void);
long new_b_version(void);

long new_a_version(void)
{
  return 2;
}

long new_b_version(void)
{
  return 2;
}
