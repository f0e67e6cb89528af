int new_first(int x);
int new_second(int x);

int new_first(int x)
{
  return x + 2;
}

int new_second(int x)
{
  return x + 2;
}
