/* Loaded by dlopen. */
long other_value(void);

long other_value(void)
{
  return 10;
}
