/* ADD tells the patches of a test apart. */
#ifndef ADD
#define ADD 1000
#endif

int new_answer(int x);
int new_other(int x);

int new_answer(int x)
{
  return x + ADD;
}

int new_other(int x)
{
  return x + 2 * ADD;
}
