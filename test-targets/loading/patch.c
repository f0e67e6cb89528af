long new_loaded_value(void);

long new_loaded_value(void)
{
  return 2;
}
