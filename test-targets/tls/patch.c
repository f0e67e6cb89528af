/*
 * Has TLS_BYTES of thread-local storage, which its constructor uses in the helper, and callers in
 * their threads.
 */
long new_tls_value(void);

static __thread char first = 1, block[TLS_BYTES];

__attribute__((constructor)) static void begin(void)
{
  char deep[1 << 19];
  for (unsigned long i = 0; i < sizeof deep; i += 4096)
    ((volatile char *)deep)[i] = 1;
  block[sizeof block - 1] = 9;
}

long new_tls_value(void)
{
  return first == 1 && block[sizeof block - 1] == 0 ? 2 : -1;
}
