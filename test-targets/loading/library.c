/* Loaded by dlopen. */
long loaded_value(void);
void loaded_call(void (*callback)(void));

long loaded_value(void)
{
  return 1;
}

void loaded_call(void (*callback)(void))
{
  callback();
  __asm__ volatile("" ::: "memory");
}
