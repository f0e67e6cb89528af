int new_answer(int x);
int new_twice(int x);

int new_answer(int x)
{
  return x + 1000;
}

int new_twice(int x)
{
  return 20 * x;
}
