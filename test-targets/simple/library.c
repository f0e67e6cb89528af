/* A library with an exported function and a static one behind it. */
int answer(int x);
int twice_plus_one(int x);
typedef int function(int);
function *pointer_to_answer(void);

static __attribute__((noinline, noclone)) int twice(int x)
{
  return 2 * x;
}

int twice_plus_one(int x)
{
  return twice(x) + 1;
}

int answer(int x)
{
  return x + 1;
}

function *pointer_to_answer(void)
{
  return answer;
}
