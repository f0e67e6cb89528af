/* Threads named after what they do. Says `ready`, and ends with 0 on end of input. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct timespec hour = {3600, 0};
enum { HOUR_MS = 3600 * 1000 };
static int pipe_ends[2], sockets[2], epoll, semaphores;

static void in_epoll_timed(void)
{
  struct epoll_event event;
  epoll_wait(epoll, &event, 1, HOUR_MS);
}

static void in_epoll(void)
{
  struct epoll_event event;
  epoll_wait(epoll, &event, 1, -1);
}

static void in_sigtimed(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigtimedwait(&set, NULL, &hour);
}

static void in_sigwait(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigwaitinfo(&set, NULL);
}

static void in_semtimed(void)
{
  struct sembuf take = {0, -1, 0};
  semtimedop(semaphores, &take, 1, &hour);
}

static void in_pipe(void)
{
  char c;
  (void)!read(pipe_ends[0], &c, 1);
}

static void in_recv(void)
{
  char c;
  recv(sockets[0], &c, 1, 0);
}

/* Some of it has been written. */
static void in_write(void)
{
  static char much[1 << 20];
  int ends[2];
  if (pipe(ends) == 0)
    (void)!write(ends[1], much, sizeof much);
}

static void in_ppoll(void)
{
  ppoll(NULL, 0, NULL, NULL);
}

static void in_ppoll_mask(void)
{
  sigset_t none;
  sigemptyset(&none);
  ppoll(NULL, 0, NULL, &none);
}

static void busy(void)
{
  for (volatile long i = 0;; i++)
    ;
}

static const struct {
  const char *name; /* of the thread */
  void (*run)(void);
} threads[] = {
    /* The worst first: what decides is not the order of the threads. */
    {"epoll_timed", in_epoll_timed},
    {"sigtimed", in_sigtimed},
    {"semtimed", in_semtimed},
    {"epoll", in_epoll},
    {"sigwait", in_sigwait},
    {"recv", in_recv},
    {"write", in_write},
    {"ppoll_mask", in_ppoll_mask},
    {"busy", busy},
    {"pipe", in_pipe},
    {"ppoll", in_ppoll},
};

static void *run(void *index)
{
  const long i = (long)index;
  pthread_setname_np(pthread_self(), threads[i].name);
  threads[i].run();
  return NULL;
}

int main(void)
{
  pthread_t thread;
  sigset_t blocked;
  int c;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &blocked, NULL);
  pthread_setname_np(pthread_self(), "main");
  epoll = epoll_create1(0);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  if (epoll < 0 || semaphores < 0 || pipe(pipe_ends) != 0 ||
      socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
    abort();
  for (long i = 0; i < (long)(sizeof threads / sizeof threads[0]); i++)
    if (pthread_create(&thread, NULL, run, (void *)i) != 0)
      abort();
  puts("ready");
  fflush(stdout);
  while ((c = getchar()) != EOF)
    ;
  semctl(semaphores, 0, IPC_RMID);
  _exit(0);
}
