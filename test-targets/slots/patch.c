int new_version(void);

int new_version(void)
{
  return 2;
}
