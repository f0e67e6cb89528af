/* A library that is not live-patchable, with TLS_BYTES of thread-local storage. */
long block_value(void);

static __thread char first = 1, block[TLS_BYTES];

/* 1: as it was made, in this thread; from then on, more. */
long block_value(void)
{
  block[sizeof block - 1]++;
  return first * block[sizeof block - 1];
}
