int bench_answer(void);
int bench_answer(void)
{
  return 1;
}
