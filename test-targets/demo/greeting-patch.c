const char *new_greeting(void);

const char *new_greeting(void)
{
  return "Good day";
}
