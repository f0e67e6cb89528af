/*
 * More calls that wait, beside those of blocked.c and blocked-more.c: pipes without copies,
 * terminals, rings, a blocking ioctl.
 */
#define _GNU_SOURCE
#include "blocked.h"
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* The end of a pipe that will be given a byte. */
static int source(void)
{
  int ends[2];
  require(pipe(ends) == 0);
  later(give, ends[1]);
  return ends[0];
}

static int empty_pipe(void)
{
  int ends[2];
  require(pipe(ends) == 0);
  return ends[1];
}

static long do_sleep(void)
{
  return sleep(period.tv_sec);
}

static long do_usleep(void)
{
  return usleep(PERIOD_MS * 1000);
}

static long do_sleep_until(void)
{
  const struct timespec end = end_of_period(CLOCK_MONOTONIC);
  return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static long do_preadv2(void)
{
  char c;
  const struct iovec one = {&c, 1};
  return preadv2(source(), &one, 1, -1, 0);
}

static long do_splice(void)
{
  return splice(source(), NULL, empty_pipe(), NULL, 1, 0);
}

static long do_splice_full(void)
{
  int ends[2];
  require(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
  return splice(ends[0], NULL, full_pipe(), NULL, 1, 0);
}

static long do_tee(void)
{
  return tee(source(), empty_pipe(), 1, 0);
}

static long do_vmsplice(void)
{
  char c = 'x';
  const struct iovec one = {&c, 1};
  return vmsplice(full_pipe(), &one, 1, 0);
}

static long do_sendfile(void)
{
  const int file = memfd_create("file", 0);
  require(write(file, "x", 1) == 1 && lseek(file, 0, SEEK_SET) == 0);
  return sendfile(full_pipe(), file, NULL, 1);
}

/* struct futex_waitv and its flag are newer than the oldest headers. */
static long do_futex_waitv(void)
{
  static uint32_t word;
  const struct {
    uint64_t value, address;
    uint32_t flags, reserved;
  } one = {0, (uintptr_t)&word, 2 /* FUTEX_32 */, 0};
  const struct timespec end = end_of_period(CLOCK_MONOTONIC);
  return syscall(449, &one, 1, 0, &end, CLOCK_MONOTONIC);
}

static void end_line(int fd)
{
  require(write(fd, "\n", 1) == 1);
}

/* A terminal that hands out whole lines. */
static long do_terminal(void)
{
  char line[16];
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  require(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  require(slave >= 0 && write(master, "begun", 5) == 5);
  later(end_line, master);
  return read(slave, line, sizeof line);
}

static void connect_to(int listening)
{
  struct sockaddr_un name;
  socklen_t length = sizeof name;
  require(getsockname(listening, (struct sockaddr *)&name, &length) == 0);
  require(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, length) == 0);
}

static long do_accept4(void)
{
  const struct sockaddr_un any = {.sun_family = AF_UNIX};
  const int s = socket(AF_UNIX, SOCK_STREAM, 0);
  require(bind(s, (const struct sockaddr *)&any, sizeof any.sun_family) == 0 && listen(s, 1) == 0);
  later(connect_to, s);
  return accept4(s, NULL, NULL, SOCK_CLOEXEC) >= 0 ? 0 : -1;
}

/* Its time-out counts between two messages; the first one comes when the period is over. */
static long do_recvmmsg_timed(void)
{
  int ends[2];
  char c;
  struct iovec one = {&c, 1};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1}};
  struct timespec left = {3600, 0};
  require(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
  later(give, ends[1]);
  return recvmmsg(ends[0], &message, 1, 0, &left);
}

static long do_io_pgetevents(void)
{
  aio_context_t context = 0;
  struct io_event event;
  struct timespec left = period;
  require(syscall(SYS_io_setup, 1, &context) == 0);
  const long r = syscall(SYS_io_pgetevents, context, 1, 1, &event, &left, NULL);
  syscall(SYS_io_destroy, context);
  return r;
}

/* A ring with one read from a pipe under way. */
static bool ring_that_reads(struct ring *ring, int fd)
{
  static char c;
  if (!ring_open(ring, 1))
    return false;
  ring_read(ring, fd, &c);
  require(syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0) == 1);
  return true;
}

/* 0 and one completion; -2 if it comes back without. */
static long do_io_uring(void)
{
  struct ring ring;
  if (!ring_that_reads(&ring, source()))
    return NOT_HERE;
  const long r = syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  return r == 0 && __atomic_load_n(ring.done_tail, __ATOMIC_ACQUIRE) == *ring.done_head ? -2 : r;
}

static long do_io_uring_timed(void)
{
  int ends[2];
  struct ring ring;
  struct __kernel_timespec left = {period.tv_sec, 0};
  const struct io_uring_getevents_arg more = {.ts = (uintptr_t)&left};
  require(pipe(ends) == 0);
  if (!ring_that_reads(&ring, ends[0]))
    return NOT_HERE;
  return syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                 &more, sizeof more);
}

/* An ioctl that waits: for the next call of another process that its filter asks us about. */
static long do_ioctl(void)
{
  int tell[2], listener;
  require(pipe(tell) == 0);
  const pid_t child = fork();
  if (child == 0) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    listener =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    require(write(tell[1], &listener, sizeof listener) == sizeof listener);
    nanosleep(&period, NULL);
    getppid();
    _exit(0);
  }
  require(read(tell[0], &listener, sizeof listener) == sizeof listener);
  listener = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, child, 0), listener, 0);
  require(listener >= 0);
  struct seccomp_notif about = {0};
  const long r = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &about);
  struct seccomp_notif_resp go_on = {.id = about.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  if (r == 0)
    require(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on) == 0);
  return r;
}

const struct call rest_calls[] = {
    CALL(sleep),
    CALL(usleep),
    CALL(sleep_until),
    CALL(preadv2),
    CALL(splice),
    CALL(splice_full),
    CALL(tee),
    CALL(vmsplice),
    CALL(sendfile),
    CALL(futex_waitv),
    CALL(terminal),
    CALL(accept4),
    CALL(recvmmsg_timed),
    CALL(io_pgetevents),
    CALL(io_uring),
    CALL(io_uring_timed),
    CALL(ioctl),
    {0},
};
