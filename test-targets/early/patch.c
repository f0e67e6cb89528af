int new_answer(int x);

int new_answer(int x)
{
  return x + 2;
}
