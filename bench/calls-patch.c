int new_empty(void);

int new_empty(void)
{
  return 2;
}
