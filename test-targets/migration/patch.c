long new_value(void);

long new_value(void)
{
  return 2;
}
