/*
 * A call, named by the first argument, that has done a part and waits for the rest: of a megabyte,
 * of several messages or events. The rest is done by a child at the first line of input. Then says
 * what the call returned; -77 if this kernel does not offer it.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int answer(int x);

enum { MUCH = 1 << 20, MANY = 64, NOT_HERE = -77 };
static char much[MUCH];
static struct iovec halves[] = {{much, MUCH / 2}, {much + MUCH / 2, MUCH / 2}};
static struct msghdr both = {.msg_iov = halves, .msg_iovlen = 2};
static int ends[2]; /* ours, and the child's */

static void require(int holds)
{
  if (!holds)
    abort();
}

#include "ring.h"

static void by_pipe(void)
{
  int pair[2];
  require(pipe(pair) == 0);
  ends[0] = pair[1];
  ends[1] = pair[0];
}

static void by_pipe_to_us(void)
{
  require(pipe(ends) == 0);
}

static void by_stream(void)
{
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
}

static void by_packets(void)
{
  require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
}

static void take_all(void)
{
  static char some[65536];
  for (ssize_t n, sum = 0; sum < MUCH; sum += n)
    require((n = read(ends[1], some, sizeof some)) > 0);
}

static void take_many(void)
{
  char c;
  for (int i = 0; i < MANY; i++)
    require(read(ends[1], &c, 1) == 1);
}

static void give(void)
{
  require(write(ends[1], "", 1) == 1);
}

static long do_write(void)
{
  return write(ends[0], much, MUCH);
}

static long do_writev(void)
{
  return writev(ends[0], halves, 2);
}

static long do_pwritev2(void)
{
  return pwritev2(ends[0], halves, 2, -1, 0);
}

static long do_sendmsg(void)
{
  return sendmsg(ends[0], &both, 0);
}

static long do_sendmmsg(void)
{
  static struct iovec one = {much, 1};
  static struct mmsghdr messages[MANY];
  const int little = 1;
  require(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
  for (int i = 0; i < MANY; i++)
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &one, .msg_iovlen = 1};
  return sendmmsg(ends[0], messages, MANY, 0);
}

static long do_recv(void)
{
  give();
  return recv(ends[0], much, 2, MSG_WAITALL);
}

static long do_recvmsg(void)
{
  struct iovec two = {much, 2};
  struct msghdr message = {.msg_iov = &two, .msg_iovlen = 1};
  give();
  return recvmsg(ends[0], &message, MSG_WAITALL);
}

static long do_recvmmsg(void)
{
  struct iovec one = {much, 1};
  const struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
  struct mmsghdr two[] = {{.msg_hdr = message}, {.msg_hdr = message}};
  give();
  return recvmmsg(ends[0], two, 2, 0, NULL);
}

static long do_io_getevents(void)
{
  struct io_event events[2];
  aio_context_t context = 0;
  int ready[2];
  require(pipe(ready) == 0 && write(ready[1], "", 1) == 1);
  if (syscall(SYS_io_setup, 2, &context) != 0)
    return NOT_HERE;
  struct iocb first = {.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = ready[0], .aio_buf = POLLIN};
  struct iocb second = {.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = ends[0], .aio_buf = POLLIN};
  struct iocb *both_of_them[] = {&first, &second};
  require(syscall(SYS_io_submit, context, 2, both_of_them) == 2);
  return syscall(SYS_io_getevents, context, 2, 2, events, NULL);
}

/*
 * Reads of two pipes, of which one has a byte: how many are complete when the last of one or two
 * calls has waited for both.
 */
static long in_ring(int calls)
{
  static char bytes[2];
  struct ring ring;
  int ready[2];
  require(pipe(ready) == 0 && write(ready[1], "", 1) == 1);
  if (!ring_open(&ring, 2))
    return NOT_HERE;
  ring_read(&ring, ready[0], &bytes[0]);
  ring_read(&ring, ends[0], &bytes[1]);
  if (calls == 2)
    require(syscall(SYS_io_uring_enter, ring.fd, 2, 0, 0, NULL, 0) == 2);
  syscall(SYS_io_uring_enter, ring.fd, calls == 2 ? 0 : 2, 2, IORING_ENTER_GETEVENTS, NULL, 0);
  return __atomic_load_n(ring.done_tail, __ATOMIC_ACQUIRE);
}

static long do_io_uring(void)
{
  return in_ring(2);
}

static long do_io_uring_submit(void)
{
  return in_ring(1);
}

static int *taken; /* shared with the child */

static void by_lingering(void)
{
  const int listener = socket(AF_INET, SOCK_STREAM, 0), little = 4096;
  const struct linger hour = {1, 3600};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  taken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *taken = -1; /* until the child has closed its copy of what we close */
  require(bind(listener, (struct sockaddr *)&at, size) == 0 && listen(listener, 1) == 0);
  require(getsockname(listener, (struct sockaddr *)&at, &size) == 0);
  require(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little) == 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  require(connect(ends[0], (struct sockaddr *)&at, size) == 0);
  require((ends[1] = accept(listener, NULL, NULL)) >= 0);
  while (send(ends[0], much, MUCH, MSG_DONTWAIT) > 0)
    ;
  require(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &hour, sizeof hour) == 0);
}

/* Is all taken when it returns? */
static long do_close(void)
{
  require(close(ends[0]) == 0);
  return *taken;
}

static void take_rest(void)
{
  *taken = 1;
  while (read(ends[1], much, MUCH) > 0)
    ;
}

static const struct {
  const char *name;
  void (*prepare)(void);
  long (*call)(void);
  void (*finish)(void);
} cases[] = {
    {"write", by_pipe, do_write, take_all},
    {"writev", by_pipe, do_writev, take_all},
    {"pwritev2", by_pipe, do_pwritev2, take_all},
    {"sendmsg", by_stream, do_sendmsg, take_all},
    {"sendmmsg", by_packets, do_sendmmsg, take_many},
    {"close", by_lingering, do_close, take_rest},
    {"recv", by_stream, do_recv, give},
    {"recvmsg", by_stream, do_recvmsg, give},
    {"recvmmsg", by_packets, do_recvmmsg, give},
    {"io_getevents", by_pipe_to_us, do_io_getevents, give},
    {"io_uring", by_pipe_to_us, do_io_uring, give},
    {"io_uring_submit", by_pipe_to_us, do_io_uring_submit, give},
};

int main(int argc, char **argv)
{
  unsigned i = 0;
  setvbuf(stdin, NULL, _IONBF, 0);
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (i < sizeof cases / sizeof cases[0] && strcmp(cases[i].name, argv[argc - 1]) != 0)
    i++;
  require(i < sizeof cases / sizeof cases[0]);
  cases[i].prepare();
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (taken) {
      close(ends[0]);
      __atomic_store_n(taken, 0, __ATOMIC_RELEASE);
    }
    if (getchar() == '\n')
      cases[i].finish();
    _exit(0);
  }
  while (taken && __atomic_load_n(taken, __ATOMIC_ACQUIRE) != 0)
    ;
  puts("ready");
  printf("%ld\n", cases[i].call());
  while (getchar() == '\n')
    printf("%d\n", answer(1));
  return 0;
}
