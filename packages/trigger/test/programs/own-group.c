/*
 * Executes its arguments in a process group of its own: in an orphaned one, SIGTSTP would do
 * nothing.
 */
#include <unistd.h>

int main(int argc, char **argv)
{
  setpgid(0, 0);
  execv(argv[1], argv + 1);
  return argc;
}
