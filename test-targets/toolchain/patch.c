int new_answer(int x);
int new_odd(int x);
int new_complain(int x);

int new_answer(int x)
{
  return x + 1000;
}

int new_odd(int x)
{
  return x * 30;
}

int new_complain(int x)
{
  return x;
}
