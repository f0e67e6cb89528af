/*
 * One thread to which another process sends signals without pause: numbered ones, which queue, and
 * others, one of which has to be handled before the next is sent. It answers each line with
 * "NUMBERED SINGLE WRONG ANSWER": wrong are those out of turn.
 */
#define _GNU_SOURCE
#include "program.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int answer(int x);

static struct shared {
  atomic_long numbered, single, sent_single, wrong;
} *shared;

static void handle_numbered(int signal, siginfo_t *info, void *context)
{
  (void)signal, (void)context;
  if (info->si_value.sival_int != shared->numbered++)
    shared->wrong++;
}

static void handle_single(int signal)
{
  (void)signal;
  if (++shared->single != shared->sent_single)
    shared->wrong++;
}

static void send_all(pid_t pid)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int number = 0;;) {
    const union sigval value = {.sival_int = number};
    if (sigqueue(pid, SIGRTMIN, value) == 0)
      number++; /* else the queue is full */
    if (shared->single == shared->sent_single) {
      shared->sent_single++;
      if (kill(pid, SIGUSR1) != 0)
        return;
    }
    sched_yield();
  }
}

static const char *reply(char *line)
{
  static char text[96];
  (void)line;
  snprintf(text, sizeof text, "%ld %ld %ld %d", shared->numbered, shared->single, shared->wrong,
           answer(1));
  return text;
}

int main(void)
{
  struct sigaction numbered = {.sa_sigaction = handle_numbered,
                               .sa_flags = SA_SIGINFO | SA_RESTART};
  struct sigaction single = {.sa_handler = handle_single, .sa_flags = SA_RESTART};
  pid_t pid = getpid();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 1;
  sigaction(SIGRTMIN, &numbered, NULL);
  sigaction(SIGUSR1, &single, NULL);
  if (fork() == 0) {
    send_all(pid);
    _exit(0);
  }
  return serve(reply);
}
