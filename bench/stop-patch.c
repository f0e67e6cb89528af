int new_answer(void);
int new_answer(void)
{
  return 2;
}
