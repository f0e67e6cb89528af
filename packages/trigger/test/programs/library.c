/*
 * What the tests patch: two functions, and one that stays inside for as long as its callback wants.
 */
int answer(int x);
int other(int x);
int hold(void (*wait)(void));

int answer(int x)
{
  return x + 1;
}

int other(int x)
{
  return x + 2;
}

/* Calls answer() the way another library would: after the patch, but still inside. */
int hold(void (*wait)(void))
{
  wait();
  return answer(1);
}
