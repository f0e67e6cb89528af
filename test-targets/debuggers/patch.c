int new_outer(int (*callback)(int), int x);

int new_outer(int (*callback)(int), int x)
{
  return callback(x) + 100;
}
