/*
 * A call that waits as long as its socket lets it, or io_uring_enter: `socket-timed CALL MS
 * [filtered]`, again and again, from the first line of input on. Before each it says `begins`;
 * after it what it returned, when (CLOCK_MONOTONIC, ns), and the answer of the library. filtered:
 * epoll_wait, under a seccomp filter that allows everything. SIGTERM ends it, and the end of its
 * input after the call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int answer(int x);

static void require(int ok)
{
  if (!ok) {
    perror("socket-timed");
    exit(1);
  }
}

static long milliseconds;
static int ends[2], target;
static char byte, text[] = "0123456789abcdef";
static struct sockaddr_un full_name;
static socklen_t full_length = sizeof full_name;

static int with_time(int s)
{
  const struct timeval left = {milliseconds / 1000, milliseconds % 1000 * 1000};
  require(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left) == 0 &&
          setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) == 0);
  return s;
}

static void prepare_pair(void)
{
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  with_time(ends[0]);
}

static void prepare_full(void)
{
  prepare_pair();
  while (send(ends[0], text, sizeof text - 1, MSG_DONTWAIT) > 0)
    ;
}

static void prepare_listener(void)
{
  const struct sockaddr_in any = {.sin_family = AF_INET};
  target = with_time(socket(AF_INET, SOCK_STREAM, 0));
  require(bind(target, (const struct sockaddr *)&any, sizeof any) == 0 && listen(target, 1) == 0);
}

/* A listening socket that nobody accepts from, with as many waiting as it takes. */
static void prepare_connect(void)
{
  const struct sockaddr_un any = {.sun_family = AF_UNIX};
  const int s = socket(AF_UNIX, SOCK_STREAM, 0);
  require(bind(s, (const struct sockaddr *)&any, sizeof any.sun_family) == 0 && listen(s, 0) == 0 &&
          getsockname(s, (struct sockaddr *)&full_name, &full_length) == 0);
  target = socket(AF_UNIX, SOCK_STREAM, 0);
  require(connect(target, (struct sockaddr *)&full_name, full_length) == 0);
  target = with_time(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void prepare_ring(void)
{
  struct io_uring_params p = {0};
  target = syscall(SYS_io_uring_setup, 4, &p);
  require(target >= 0);
}

static void prepare_filtered(void)
{
  struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, all};
  target = epoll_create1(0);
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
          prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static long do_recv(void)
{
  return recv(ends[0], &byte, 1, 0);
}
static long do_read(void)
{
  return read(ends[0], &byte, 1);
}
static long do_send(void)
{
  return send(ends[0], text, sizeof text - 1, 0);
}
static struct iovec whole = {text, sizeof text - 1}, part = {&byte, 1};
static struct msghdr sent = {.msg_iov = &whole, .msg_iovlen = 1};
static struct msghdr received = {.msg_iov = &part, .msg_iovlen = 1};

static long do_recvmsg(void)
{
  return recvmsg(ends[0], &received, 0);
}
static long do_sendmsg(void)
{
  return sendmsg(ends[0], &sent, 0);
}
static long do_accept(void)
{
  return accept(target, NULL, NULL);
}

static long do_splice(void)
{
  static int pipes[2];
  require(pipes[1] != 0 || pipe(pipes) == 0);
  return splice(ends[0], NULL, pipes[1], NULL, 1, 0);
}

static long do_connect(void)
{
  return connect(target, (struct sockaddr *)&full_name, full_length);
}

static long do_io_uring(void)
{
  struct __kernel_timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  const struct io_uring_getevents_arg more = {.ts = (uintptr_t)&left};
  return syscall(SYS_io_uring_enter, target, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                 &more, sizeof more);
}

static long do_filtered(void)
{
  struct epoll_event event;
  return epoll_wait(target, &event, 1, (int)milliseconds);
}

static const struct {
  const char *name;
  void (*prepare)(void);
  long (*run)(void);
} calls[] = {
    {"recv", prepare_pair, do_recv},         {"read", prepare_pair, do_read},
    {"recvmsg", prepare_pair, do_recvmsg},   {"sendmsg", prepare_full, do_sendmsg},
    {"splice", prepare_pair, do_splice},     {"send", prepare_full, do_send},
    {"accept", prepare_listener, do_accept}, {"connect", prepare_connect, do_connect},
    {"io_uring", prepare_ring, do_io_uring}, {"filtered", prepare_filtered, do_filtered},
};

static long long now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void end(int signal)
{
  (void)signal;
  _exit(0);
}

static int input_ended(void)
{
  struct pollfd input = {.fd = 0, .events = POLLIN};
  return poll(&input, 1, 0) == 1;
}

int main(int argc, char **argv)
{
  unsigned which = 0;
  require(argc == 3);
  milliseconds = atol(argv[2]);
  while (strcmp(calls[which].name, argv[1]) != 0)
    require(++which < sizeof calls / sizeof *calls);
  calls[which].prepare();
  signal(SIGTERM, end);
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (getchar() != '\n')
    ;
  while (!input_ended()) {
    puts("begins");
    const long result = calls[which].run();
    const char *error = result < 0 ? strerrorname_np(errno) : "ok";
    const long long end = now();
    printf("%ld %s %lld %d\n", result, error, end, answer(1));
  }
}
