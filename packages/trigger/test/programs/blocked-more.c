/*
 * The calls of signal(7) that blocked.c does not have itself: each ends by its time-out or by what
 * another process does.
 */
#define _GNU_SOURCE
#include "blocked.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

void require(int holds)
{
  if (!holds)
    abort();
}

struct timespec end_of_period(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_sec += period.tv_sec;
  return t;
}

static void take_much(int fd)
{
  static char much[1 << 20];
  require(read(fd, much, sizeof much) > 0);
}

/* A socket pair of which one end will be given a byte. */
static int will_be_given(void)
{
  int ends[2];
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  later(give, ends[1]);
  return ends[0];
}

/* A socket or a pipe that takes no more. */
static int full_socket(int ends[2], int times_out)
{
  char bytes[1024] = {0};
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  while (send(ends[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    ;
  if (times_out)
    require(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &period_us, sizeof period_us) == 0);
  return ends[0];
}

static long do_readv(void)
{
  char c;
  struct iovec one = {&c, 1};
  return readv(will_be_given(), &one, 1);
}

int full_pipe(void)
{
  int ends[2];
  char bytes[4096] = {0};
  require(pipe2(ends, O_NONBLOCK) == 0);
  while (write(ends[1], bytes, sizeof bytes) > 0)
    ;
  require(fcntl(ends[1], F_SETFL, 0) == 0);
  later(take_much, ends[0]);
  return ends[1];
}

static long do_write(void)
{
  return write(full_pipe(), "x", 1);
}

static long do_recvfrom(void)
{
  char c;
  return recvfrom(will_be_given(), &c, 1, 0, NULL, NULL);
}

static long do_recvmsg(void)
{
  char c;
  struct iovec one = {&c, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
  return recvmsg(will_be_given(), &message, 0);
}

static long do_recvmmsg(void)
{
  char c;
  struct iovec one = {&c, 1};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1}};
  return recvmmsg(will_be_given(), &message, 1, 0, NULL);
}

static long do_send(void)
{
  int ends[2];
  full_socket(ends, 0);
  later(take_much, ends[1]);
  return send(ends[0], "x", 1, 0);
}

static long do_send_timeout(void)
{
  int ends[2];
  return send(full_socket(ends, 1), "x", 1, 0);
}

static long do_sendmsg_timeout(void)
{
  int ends[2];
  struct iovec one = {"x", 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
  return sendmsg(full_socket(ends, 1), &message, 0);
}

static long do_recvmsg_timeout(void)
{
  int ends[2];
  char c;
  struct iovec one = {&c, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &period_us, sizeof period_us);
  return recvmsg(ends[0], &message, 0);
}

/* A listening socket of the abstract name space; the kernel names it. */
static int listener(struct sockaddr_un *name, socklen_t *length)
{
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  *name = (struct sockaddr_un){.sun_family = AF_UNIX};
  *length = sizeof *name;
  require(bind(s, (struct sockaddr *)name, sizeof name->sun_family) == 0 && listen(s, 0) == 0 &&
          getsockname(s, (struct sockaddr *)name, length) == 0);
  return s;
}

static void connect_to(int listening)
{
  struct sockaddr_un name;
  socklen_t length = sizeof name;
  require(getsockname(listening, (struct sockaddr *)&name, &length) == 0);
  require(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, length) == 0);
}

static long do_accept_forever(void)
{
  struct sockaddr_un name;
  socklen_t length;
  int s = listener(&name, &length);
  later(connect_to, s);
  return accept(s, NULL, NULL) >= 0 ? 0 : -1;
}

static void accept_one(int listening)
{
  require(accept(listening, NULL, NULL) >= 0);
}

/* The queue of the listener is full: the second one waits. */
static long wait_to_connect(int times_out)
{
  struct sockaddr_un name;
  socklen_t length;
  int listening = listener(&name, &length);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  connect_to(listening);
  if (times_out)
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &period_us, sizeof period_us);
  else
    later(accept_one, listening);
  return connect(s, (struct sockaddr *)&name, length);
}

static long do_connect(void)
{
  return wait_to_connect(0);
}

static long do_connect_timeout(void)
{
  return wait_to_connect(1);
}

static void nothing(int unused)
{
  (void)unused;
}

static long do_waitid(void)
{
  siginfo_t info;
  later(nothing, 0);
  return waitid(P_ALL, 0, &info, WEXITED);
}

/* An anonymous file, opened twice, so that its locks are apart. */
static int file_and_other(int *other)
{
  char path[64];
  int fd = memfd_create("lock", 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  *other = open(path, O_RDWR);
  require(fd >= 0 && *other >= 0);
  return fd;
}

static void unlock(int fd)
{
  require(flock(fd, LOCK_UN) == 0);
}

static long do_flock(void)
{
  int other, fd = file_and_other(&other);
  require(flock(other, LOCK_EX) == 0);
  later(unlock, other);
  return flock(fd, LOCK_EX);
}

static struct flock whole(short type)
{
  return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static void unlock_description(int fd)
{
  struct flock lock = whole(F_UNLCK);
  require(fcntl(fd, F_OFD_SETLK, &lock) == 0);
}

static long wait_for_lock(int command)
{
  int other, fd = file_and_other(&other);
  struct flock lock = whole(F_WRLCK);
  require(fcntl(other, F_OFD_SETLK, &lock) == 0);
  later(unlock_description, other);
  lock = whole(F_WRLCK);
  return fcntl(fd, command, &lock);
}

static long do_setlkw(void)
{
  return wait_for_lock(F_SETLKW);
}

static long do_ofd_setlkw(void)
{
  return wait_for_lock(F_OFD_SETLKW);
}

static mqd_t message_queue(void)
{
  char name[64];
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 1};
  snprintf(name, sizeof name, "/blocked-%d", gettid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  require(queue != (mqd_t)-1 && mq_unlink(name) == 0);
  return queue;
}

static void send_message(int queue)
{
  require(mq_send(queue, "x", 1, 0) == 0);
}

static long do_mq_receive(void)
{
  char c;
  mqd_t queue = message_queue();
  later(send_message, queue);
  return mq_receive(queue, &c, 1, NULL);
}

static long do_mq_timedreceive(void)
{
  char c;
  struct timespec end = end_of_period(CLOCK_REALTIME);
  return mq_timedreceive(message_queue(), &c, 1, NULL, &end);
}

static long do_mq_timedsend(void)
{
  mqd_t queue = message_queue();
  struct timespec end = end_of_period(CLOCK_REALTIME);
  send_message(queue);
  return mq_timedsend(queue, "x", 1, 0, &end);
}

static long do_futex_bitset(void)
{
  uint32_t word = 0;
  struct timespec end = end_of_period(CLOCK_MONOTONIC);
  return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &end, NULL, FUTEX_BITSET_MATCH_ANY);
}

static long do_sem_timedwait(void)
{
  sem_t semaphore;
  struct timespec end = end_of_period(CLOCK_REALTIME);
  sem_init(&semaphore, 0, 0);
  return sem_timedwait(&semaphore, &end);
}

static long do_cond_timedwait(void)
{
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  struct timespec end = end_of_period(CLOCK_REALTIME);
  int error;
  pthread_mutex_lock(&mutex);
  while ((error = pthread_cond_timedwait(&condition, &mutex, &end)) == 0)
    ;
  errno = error;
  return -1;
}

static void touch(int directory)
{
  require(openat(directory, "touched", O_CREAT | O_WRONLY, 0600) >= 0);
}

static int temporary_directory(char path[32])
{
  strcpy(path, "/tmp/blocked-XXXXXX");
  require(mkdtemp(path) != NULL);
  return open(path, O_DIRECTORY);
}

static long do_inotify(void)
{
  char path[32], event[512];
  int directory = temporary_directory(path), watcher = inotify_init();
  require(inotify_add_watch(watcher, path, IN_CREATE) >= 0);
  later(touch, directory);
  long r = read(watcher, event, sizeof event);
  unlinkat(directory, "touched", 0);
  rmdir(path);
  return r > 0 ? 0 : r;
}

static void open_writer(int directory)
{
  require(openat(directory, "fifo", O_WRONLY) >= 0);
}

static long do_open(void)
{
  char path[32];
  int directory = temporary_directory(path);
  require(mkfifoat(directory, "fifo", 0600) == 0);
  later(open_writer, directory);
  long r = openat(directory, "fifo", O_RDONLY);
  unlinkat(directory, "fifo", 0);
  rmdir(path);
  return r >= 0 ? 0 : r;
}

static long do_timerfd(void)
{
  uint64_t ticks;
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  const struct itimerspec timer = {{0, 0}, period};
  require(timerfd_settime(fd, 0, &timer, NULL) == 0);
  return read(fd, &ticks, sizeof ticks) == sizeof ticks ? (long)ticks : -1;
}

static long do_pselect(void)
{
  sigset_t all;
  sigfillset(&all);
  return pselect(0, NULL, NULL, NULL, &period, &all);
}

static long do_epoll_pwait2(void)
{
  struct epoll_event event;
  return syscall(SYS_epoll_pwait2, epoll_create1(0), &event, 1, &period, NULL, 0);
}

struct message {
  long type;
  char text[1];
};

static void put_message(int queue)
{
  struct message message = {1, "x"};
  require(msgsnd(queue, &message, 1, 0) == 0);
}

static long do_msgrcv(void)
{
  struct message message;
  int queue = msgget(IPC_PRIVATE, 0600);
  later(put_message, queue);
  long r = msgrcv(queue, &message, 1, 0, 0);
  msgctl(queue, IPC_RMID, NULL);
  return r;
}

static void take_message(int queue)
{
  struct message message;
  require(msgrcv(queue, &message, 1, 0, 0) == 1);
}

static long do_msgsnd(void)
{
  struct message message = {1, "x"};
  struct msqid_ds limits;
  int queue = msgget(IPC_PRIVATE, 0600);
  require(msgctl(queue, IPC_STAT, &limits) == 0);
  limits.msg_qbytes = 1;
  require(msgctl(queue, IPC_SET, &limits) == 0);
  put_message(queue);
  later(take_message, queue);
  long r = msgsnd(queue, &message, 1, 0);
  msgctl(queue, IPC_RMID, NULL);
  return r;
}

static void post(int set)
{
  struct sembuf up = {0, 1, 0};
  require(semop(set, &up, 1) == 0);
}

static long do_semop(void)
{
  struct sembuf down = {0, -1, 0};
  int set = semget(IPC_PRIVATE, 1, 0600);
  later(post, set);
  long r = semop(set, &down, 1);
  semctl(set, 0, IPC_RMID);
  return r;
}

static void signal_thread(int tid)
{
  require(syscall(SYS_tgkill, getppid(), tid, SIGUSR2) == 0);
}

static long do_sigwaitinfo(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  later(signal_thread, gettid());
  return sigwaitinfo(&set, NULL) == SIGUSR2 ? 0 : -1;
}

static long do_io_getevents(void)
{
  aio_context_t context = 0;
  struct io_event event;
  struct timespec left = period;
  require(syscall(SYS_io_setup, 1, &context) == 0);
  long r = syscall(SYS_io_getevents, context, 1, 1, &event, &left);
  syscall(SYS_io_destroy, context);
  return r;
}

const struct call more_calls[] = {
    CALL(readv),          CALL(write),           CALL(recvfrom),
    CALL(recvmsg),        CALL(recvmmsg),        CALL(send),
    CALL(send_timeout),   CALL(sendmsg_timeout), CALL(recvmsg_timeout),
    CALL(accept_forever), CALL(connect),         CALL(connect_timeout),
    CALL(waitid),         CALL(flock),           CALL(setlkw),
    CALL(ofd_setlkw),     CALL(mq_receive),      CALL(mq_timedreceive),
    CALL(mq_timedsend),   CALL(futex_bitset),    CALL(sem_timedwait),
    CALL(cond_timedwait), CALL(inotify),         CALL(open),
    CALL(timerfd),        CALL(pselect),         CALL(epoll_pwait2),
    CALL(msgrcv),         CALL(msgsnd),          CALL(semop),
    CALL(sigwaitinfo),    CALL(io_getevents),    {0},
};
