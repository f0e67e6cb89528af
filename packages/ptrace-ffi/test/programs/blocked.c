/*
 * blocked MS: one thread in each of many blocking calls, for so long; each prints what its call
 * returned. None may see EINTR.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int ms;
static struct timespec timespec;
static struct timeval timeval;

static long do_read(void)
{
  int ends[2];
  char c;
  if (pipe(ends))
    return -1;
  struct pollfd never = {ends[0], 0, 0};
  poll(&never, 1, ms);
  if (write(ends[1], "x", 1) != 1)
    return -1;
  return read(ends[0], &c, 1);
}
static long do_epoll_wait(void)
{
  struct epoll_event event;
  return epoll_wait(epoll_create1(0), &event, 1, ms);
}
static long do_poll(void)
{
  return poll(NULL, 0, ms);
}
static long do_ppoll(void)
{
  sigset_t none;
  sigemptyset(&none);
  return ppoll(NULL, 0, &timespec, &none);
}
static long do_select(void)
{
  struct timeval left = timeval;
  return select(0, NULL, NULL, NULL, &left);
}
static long do_nanosleep(void)
{
  return nanosleep(&timespec, NULL);
}
static long do_clock_nanosleep(void)
{
  return clock_nanosleep(CLOCK_MONOTONIC, 0, &timespec, NULL);
}
static long do_futex(void)
{
  static int word;
  long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &timespec, NULL, 0);
  return r < 0 && errno == ETIMEDOUT ? 0 : r;
}
static long do_sigtimedwait(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  return sigtimedwait(&set, NULL, &timespec) < 0 && errno == EAGAIN ? 0 : -1;
}
static long do_recv(void)
{
  int ends[2];
  char c;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
    return -1;
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeval, sizeof timeval);
  return recv(ends[0], &c, 1, 0) < 0 && errno == EAGAIN ? 0 : -1;
}
static long do_accept(void)
{
  struct sockaddr_in any = {.sin_family = AF_INET};
  int s = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeval, sizeof timeval);
  if (bind(s, (struct sockaddr *)&any, sizeof any) || listen(s, 1))
    return -1;
  return accept(s, NULL, NULL) < 0 && errno == EAGAIN ? 0 : -1;
}
static long do_semtimedop(void)
{
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf take = {0, -1, 0};
  long r = semtimedop(id, &take, 1, &timespec);
  int error = errno;
  semctl(id, 0, IPC_RMID);
  errno = error;
  return r < 0 && errno == EAGAIN ? 0 : r;
}
/* Not blocked at all: every register counts. */
static long do_compute(void)
{
  uint64_t x = 1, steps = 0;
  struct timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += 1 + ms / 1000;
  do {
    for (int i = 0; i < 100000; i++, steps++)
      x = x * 6364136223846793005u + 1442695040888963407u;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec);
  uint64_t y = 1;
  while (steps--)
    y = y * 6364136223846793005u + 1442695040888963407u;
  return x == y ? 0 : -2;
}

#define CALL(name) {#name, do_##name}
static struct {
  const char *name;
  long (*run)(void);
} calls[] = {
    CALL(read),      CALL(epoll_wait),      CALL(poll),    CALL(ppoll),        CALL(select),
    CALL(nanosleep), CALL(clock_nanosleep), CALL(futex),   CALL(sigtimedwait), CALL(recv),
    CALL(accept),    CALL(semtimedop),      CALL(compute),
};
enum { COUNT = sizeof calls / sizeof *calls };

static void *run(void *which)
{
  long i = (long)which;
  errno = 0;
  long r = calls[i].run();
  printf("%s %ld %d\n", calls[i].name, r, r < 0 ? errno : 0);
  fflush(stdout);
  return NULL;
}

int main(int argc, char **argv)
{
  pthread_t thread[COUNT];
  if (argc != 2)
    return 2;
  ms = atoi(argv[1]);
  timespec = (struct timespec){ms / 1000, ms % 1000 * 1000000L};
  timeval = (struct timeval){ms / 1000, ms % 1000 * 1000L};
  for (long i = 0; i < COUNT; i++)
    pthread_create(&thread[i], NULL, run, (void *)i);
  printf("ready\n");
  fflush(stdout);
  for (int i = 0; i < COUNT; i++)
    pthread_join(thread[i], NULL);
  printf("done\n");
  return 0;
}
