/*
 * One call with a time-out of so many seconds, first and second argument, by the bare instruction.
 * It begins at the first line of input; when it ends it says what it returned, whether every
 * register is as the kernel leaves it, and when (CLOCK_MONOTONIC, ns). SIGUSR1 has a handler. With
 * `cancel`, it is epoll_wait of libc; SIGUSR2 has a second thread cancel it. On one processor.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int answer(int x);

static struct timespec period; /* its time-out */
static const struct timespec hour = {3600, 0};
static struct epoll_event event;
static struct io_event io_event;
static struct sembuf take = {0, -1, 0};
static sigset_t usr2;
static volatile sig_atomic_t handled;

struct arguments {
  long number, of[6];
};

/* The caller's registers, after the call: 1 if they are as they were. */
static long call(const struct arguments *a, int *kept)
{
  register long rdi __asm__("rdi") = a->of[0], rsi __asm__("rsi") = a->of[1];
  register long rdx __asm__("rdx") = a->of[2], r10 __asm__("r10") = a->of[3];
  register long r8 __asm__("r8") = a->of[4], r9 __asm__("r9") = a->of[5];
  long result = a->number, rcx, behind;
  __asm__ volatile("lea 1f(%%rip), %[behind]\n\tsyscall\n1:"
                   : "+a"(result), "=c"(rcx), [behind] "=&b"(behind), "+r"(rdi), "+r"(rsi),
                     "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                   :
                   : "r11", "memory");
  *kept = rcx == behind && rdi == a->of[0] && rsi == a->of[1] && rdx == a->of[2] &&
          r10 == a->of[3] && r8 == a->of[4] && r9 == a->of[5];
  return result;
}

static struct arguments of(const char *name)
{
  const long epoll = epoll_create1(0), events = (long)&event, left = (long)&period;
  const long none = 0x5555555555555555;
  aio_context_t aio = 0;
  if (strcmp(name, "epoll_wait") == 0)
    return (struct arguments){SYS_epoll_wait, {epoll, events, 1, period.tv_sec * 1000, none, none}};
  if (strcmp(name, "epoll_pwait") == 0)
    return (struct arguments){SYS_epoll_pwait, {epoll, events, 1, period.tv_sec * 1000, 0, 8}};
  if (strcmp(name, "epoll_pwait2") == 0)
    return (struct arguments){SYS_epoll_pwait2, {epoll, events, 1, left, 0, 8}};
  if (strcmp(name, "sigtimedwait") == 0)
    return (struct arguments){SYS_rt_sigtimedwait, {(long)&usr2, 0, left, 8, none, none}};
  if (strcmp(name, "semtimedop") == 0) {
    const int set = semget(IPC_PRIVATE, 1, 0600);
    return (struct arguments){SYS_semtimedop, {set, (long)&take, 1, left, none, none}};
  }
  if (syscall(SYS_io_setup, 1, &aio) != 0)
    abort();
  if (strcmp(name, "io_getevents") == 0)
    return (struct arguments){SYS_io_getevents, {(long)aio, 1, 1, (long)&io_event, left, none}};
  if (strcmp(name, "io_pgetevents") == 0)
    return (struct arguments){SYS_io_pgetevents, {(long)aio, 1, 1, (long)&io_event, left, 0}};
  abort();
}

static void handle(int signal)
{
  (void)signal;
  handled++;
}

static long long now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static pthread_t first;
static int cleaned;

static void clean(void *unused)
{
  (void)unused;
  cleaned = 1;
}

/*
 * In a call of the last rank itself, behind the first thread, so that the first is the one to be
 * borrowed.
 */
static void *cancel_first(void *unused)
{
  void *result;
  while (sigtimedwait(&usr2, NULL, &hour) != SIGUSR2)
    ;
  pthread_cancel(first);
  pthread_join(first, &result);
  printf("%s, %s, answer %d\n", result == PTHREAD_CANCELED ? "cancelled" : "ended",
         cleaned ? "cleaned up" : "not cleaned up", answer(1));
  exit(0);
  return unused;
}

static void be_cancelled(void)
{
  pthread_t other;
  first = pthread_self();
  pthread_create(&other, NULL, cancel_first, NULL);
  pthread_cleanup_push(clean, NULL);
  epoll_wait(epoll_create1(0), &event, 1, 3600 * 1000);
  pthread_cleanup_pop(0);
}

int main(int argc, char **argv)
{
  cpu_set_t one;
  int kept, cpu = sched_getcpu();
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (argc < 2 || sched_setaffinity(0, sizeof one, &one) != 0)
    abort();
  period.tv_sec = argc > 2 ? atoi(argv[2]) : 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  sigprocmask(SIG_BLOCK, &usr2, NULL);
  const struct sigaction action = {.sa_handler = handle};
  sigaction(SIGUSR1, &action, NULL);
  puts("ready");
  while (getchar() != '\n')
    ;
  if (strcmp(argv[1], "cancel") == 0)
    be_cancelled();
  const struct arguments arguments = of(argv[1]);
  const long result = call(&arguments, &kept);
  const long long end = now();
  printf("%ld %s %d %d %lld\n", result, kept ? "kept" : "changed", (int)handled, answer(1), end);
  if (arguments.number == SYS_semtimedop)
    semctl((int)arguments.of[0], 0, IPC_RMID);
  while (getchar() != EOF)
    ;
  return 0;
}
