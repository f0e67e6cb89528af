/* Calls back from within, so that there are frames on both sides of it. */
int outer(int (*callback)(int), int x);

int outer(int (*callback)(int), int x)
{
  return callback(x) + 1;
}
