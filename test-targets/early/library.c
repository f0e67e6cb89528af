/* Entered by the loader, through a resolver of another library. */
int answer(int x)
{
  return x + 1;
}
