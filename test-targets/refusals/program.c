/* A process, its zombie child and its second thread. */
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

static int pipe_of_tid[2];

static void *tell_tid(void *unused)
{
  long tid = syscall(SYS_gettid);
  if (write(pipe_of_tid[1], &tid, sizeof tid) != sizeof tid)
    abort();
  for (;;)
    pause();
  return unused;
}

static long thread(void)
{
  pthread_t id;
  long tid;
  if (pipe(pipe_of_tid) || pthread_create(&id, NULL, tell_tid, NULL) ||
      read(pipe_of_tid[0], &tid, sizeof tid) != sizeof tid)
    abort();
  return tid;
}

static long zombie(void)
{
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  siginfo_t info;
  if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT))
    abort();
  return child;
}

static const char *reply(char *line)
{
  if (strcmp(line, "zombie") == 0)
    return number(zombie());
  if (strcmp(line, "thread") == 0)
    return number(thread());
  return "?";
}

int main(void)
{
  return serve(reply);
}
