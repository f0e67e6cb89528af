long tls_value(void);

static __thread long calls;

long tls_value(void)
{
  calls++;
  return 1;
}
