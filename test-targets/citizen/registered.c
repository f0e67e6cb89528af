/* Is the process registered for membarrier(2), and is its child of fork? 0: yes. */
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void ask(const char *who)
{
  printf("%s %ld\n", who,
         syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
  fflush(stdout);
}

int main(void)
{
  ask("parent");
  if (fork() == 0) {
    ask("child");
    return 0;
  }
  wait(NULL);
  return 0;
}
