/*
 * One thread, or as many as the second argument says, in one blocking call, named by the first. It
 * begins at the first line of input and lasts about ten seconds; then each prints what the call
 * returned, and whether the signal mask is as before. Ends with 0 on end of input.
 */
#define _GNU_SOURCE
#include "blocked.h"

#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int answer(int x);

void later(void (*end)(int of), int of)
{
  if (fork() != 0)
    return;
  nanosleep(&period, NULL);
  end(of);
  _exit(0);
}

void give(int fd)
{
  if (write(fd, "x", 1) != 1)
    abort();
}

static void nothing(int unused)
{
  (void)unused;
}

static void ring(int unused)
{
  (void)unused;
}

static void ring_later(int flags)
{
  struct sigaction action = {.sa_handler = ring, .sa_flags = flags};
  const struct itimerval timer = {{0, 0}, period_us};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
}

static long do_read(void)
{
  int ends[2];
  char c;
  if (pipe(ends) != 0)
    return -1;
  later(give, ends[1]);
  return read(ends[0], &c, 1);
}

static long do_read_restarted(void)
{
  int ends[2];
  char c;
  if (pipe(ends) != 0)
    return -1;
  later(give, ends[1]);
  ring_later(SA_RESTART);
  return read(ends[0], &c, 1);
}

static long do_epoll_wait(void)
{
  struct epoll_event event;
  return epoll_wait(epoll_create1(0), &event, 1, PERIOD_MS);
}

static long do_epoll_pwait(void)
{
  struct epoll_event event;
  sigset_t all;
  sigfillset(&all);
  return epoll_pwait(epoll_create1(0), &event, 1, PERIOD_MS, &all);
}

static long do_poll(void)
{
  return poll(NULL, 0, PERIOD_MS);
}

static long do_ppoll(void)
{
  sigset_t all;
  sigfillset(&all);
  return ppoll(NULL, 0, &period, &all);
}

static long do_select(void)
{
  struct timeval left = period_us;
  return select(0, NULL, NULL, NULL, &left);
}

static long do_nanosleep(void)
{
  return nanosleep(&period, NULL);
}

static long do_clock_nanosleep(void)
{
  return clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
}

static long do_futex(void)
{
  static int word;
  return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &period, NULL, 0);
}

static long do_sigtimedwait(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  return sigtimedwait(&set, NULL, &period);
}

static long do_sigsuspend(void)
{
  sigset_t none;
  sigemptyset(&none);
  ring_later(0);
  return sigsuspend(&none);
}

static long do_pause(void)
{
  ring_later(0);
  return pause();
}

static long do_accept(void)
{
  struct sockaddr_in any = {.sin_family = AF_INET};
  int s = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &period_us, sizeof period_us);
  if (bind(s, (struct sockaddr *)&any, sizeof any) != 0 || listen(s, 1) != 0)
    return -2;
  return accept(s, NULL, NULL);
}

static long do_recv(void)
{
  int ends[2];
  char c;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
    return -2;
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &period_us, sizeof period_us);
  return recv(ends[0], &c, 1, 0);
}

static long do_semtimedop(void)
{
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf take = {0, -1, 0};
  long r = semtimedop(id, &take, 1, &period);
  int error = errno;
  semctl(id, 0, IPC_RMID);
  errno = error;
  return r;
}

static long do_wait4(void)
{
  later(nothing, 0);
  return wait4(-1, NULL, 0, NULL) > 0;
}

/* In no system call: integer registers, flags and vector registers count. */
static uint64_t computed(void)
{
  uint64_t x = 1;
  double f = 1;
  for (int i = 0; i < 1000000; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    f = f * 1.0000001 + 0.5 / f;
  }
  uint64_t bits;
  memcpy(&bits, &f, sizeof bits);
  return x ^ bits;
}

static long do_compute(void)
{
  const uint64_t expected = computed();
  struct timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += period.tv_sec;
  do {
    if (computed() != expected)
      return -2;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec);
  return 0;
}

static const struct call calls[] = {
    CALL(read),
    CALL(read_restarted),
    CALL(epoll_wait),
    CALL(epoll_pwait),
    CALL(poll),
    CALL(ppoll),
    CALL(select),
    CALL(nanosleep),
    CALL(futex),
    CALL(clock_nanosleep),
    CALL(pause),
    CALL(sigtimedwait),
    CALL(sigsuspend),
    CALL(accept),
    CALL(recv),
    CALL(semtimedop),
    CALL(wait4),
    CALL(compute),
    {0},
};

static const struct call *find(const struct call *call, const char *name)
{
  while (call->name && strcmp(call->name, name) != 0)
    call++;
  return call->name ? call : NULL;
}

static void *run(void *argument)
{
  const struct call *call = argument;
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  errno = 0;
  long r = call->run();
  int error = r < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  printf("%ld %s, mask %s, answer %d\n", r, error == 0 ? "ok" : strerrorname_np(error),
         memcmp(&before, &after, 8) == 0 ? "kept" : "changed", answer(1));
  return NULL;
}

int main(int argc, char **argv)
{
  sigset_t blocked;
  pthread_t thread;
  const struct call *call = find(calls, argv[1]);
  if (!call && !(call = find(more_calls, argv[1])) && !(call = find(rest_calls, argv[1])))
    abort();
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  puts(answer(1) == 2 ? "ready" : "broken");
  while (getchar() != '\n')
    ;
  for (int more = argc > 2 ? atoi(argv[2]) - 1 : 0; more > 0; more--)
    if (pthread_create(&thread, NULL, run, (void *)call) != 0)
      abort();
  run((void *)call);
  while (getchar() != EOF)
    ;
  return 0;
}
