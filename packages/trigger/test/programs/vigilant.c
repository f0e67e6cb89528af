/*
 * One thread that makes one blocking call, named by the first argument, over and over, and looks
 * after each whether anything has been disturbed. Another process ends the calls and answers each
 * line of input with "CALLS WRONG EARLY ANSWER": calls that were made; results, masks, registers or
 * answers that were wrong; calls that returned EINTR although no handler had run; what the library
 * said last.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
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

static struct shared {
  atomic_long calls, wrong, early, answer;
  atomic_int stop, word;
} *shared;
static int ends[2], semaphore = -1, queue = -1, poller;
static volatile long handled;
static const struct timespec brief = {0, 1000 * 1000};
enum { LONG_MS = 100 * 1000 };
static sigset_t usr1, none, kept;

static void handle(int signal)
{
  (void)signal;
  handled++;
}

/* A byte has arrived. */
static long taken(long r)
{
  char c;
  return r == 1 ? read(ends[0], &c, 1) : r;
}

static long do_read(void)
{
  char c;
  return read(ends[0], &c, 1);
}
static long do_recv(void)
{
  char c;
  return recv(ends[0], &c, 1, 0);
}
static long do_poll(void)
{
  struct pollfd p = {ends[0], POLLIN, 0};
  return taken(poll(&p, 1, LONG_MS));
}
static long do_ppoll(void)
{
  struct pollfd p = {ends[0], POLLIN, 0};
  return taken(ppoll(&p, 1, NULL, &none));
}
static long do_epoll(void)
{
  struct epoll_event e;
  return taken(epoll_wait(poller, &e, 1, LONG_MS));
}
static long do_select(void)
{
  fd_set set;
  struct timeval left = {100, 0};
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  return taken(select(ends[0] + 1, &set, NULL, NULL, &left));
}
static long do_nanosleep(void)
{
  return nanosleep(&brief, NULL) == 0 ? 1 : -1;
}
static long do_clock(void)
{
  errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &brief, NULL);
  return errno == 0 ? 1 : -1;
}
static long do_futex(void)
{
  struct timespec left = {100, 0};
  long r = syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &left, NULL, 0);
  if (r != 0 && errno != EAGAIN)
    return r;
  return atomic_exchange(&shared->word, 0); /* 0: woken by nobody */
}
static long do_semop(void)
{
  struct sembuf take = {0, -1, 0};
  return semop(semaphore, &take, 1) == 0 ? 1 : -1;
}
static long do_msgrcv(void)
{
  struct {
    long type;
    char c;
  } m;
  return msgrcv(queue, &m, 1, 0, 0);
}
static long do_sigwaitinfo(void)
{
  return sigwaitinfo(&usr1, NULL) == SIGUSR1 ? 1 : -1;
}
static long do_pause(void)
{
  return pause();
}
static long do_sigsuspend(void)
{
  return sigsuspend(&none);
}

/*
 * Loads every register from `in`, spins, stores every register to `out`: r8-r15, rbx, rbp, rsi,
 * rdx, flags, then two words below the stack pointer; and everything that xsave knows of `mask`.
 * rdi and rax point to the blocks.
 */
struct registers {
  uint64_t general[12], flags, red_zone[2], mask;
  uint8_t *extended;
} __attribute__((aligned(16)));
void spin(const struct registers *in, struct registers *out);
__asm__(
    ".text\n.globl spin\n.type spin, @function\nspin:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\npush %rsi\n"
    "mov 120(%rdi), %eax\nxor %edx, %edx\nmov 128(%rdi), %rcx\nxrstor64 (%rcx)\nmov %rsi, %rax\n"
    "mov (%rdi), %r8\nmov 8(%rdi), %r9\nmov 16(%rdi), %r10\nmov 24(%rdi), %r11\nmov 32(%rdi), "
    "%r12\n"
    "mov 40(%rdi), %r13\nmov 48(%rdi), %r14\nmov 56(%rdi), %r15\nmov 64(%rdi), %rbx\nmov 72(%rdi), "
    "%rbp\n"
    "mov 80(%rdi), %rsi\nmov 88(%rdi), %rdx\npush 96(%rdi)\npopfq\n"
    "mov %r8, -128(%rsp)\nmov %r9, -16(%rsp)\nmov $20000, %ecx\n1: loop 1b\n"
    "mov %r8, (%rax)\nmov -128(%rsp), %r8\nmov %r8, 104(%rax)\nmov -16(%rsp), %r8\nmov %r8, "
    "112(%rax)\n"
    "pushfq\npop 96(%rax)\nmov %r9, 8(%rax)\nmov %r10, 16(%rax)\nmov %r11, 24(%rax)\n"
    "mov %r12, 32(%rax)\nmov %r13, 40(%rax)\nmov %r14, 48(%rax)\nmov %r15, 56(%rax)\nmov %rbx, "
    "64(%rax)\n"
    "mov %rbp, 72(%rax)\nmov %rsi, 80(%rax)\nmov %rdx, 88(%rax)\n"
    "cld\npop %rsi\nmov 128(%rsi), %rcx\nmov 120(%rsi), %eax\nxor %edx, %edx\nxsave64 (%rcx)\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n.size spin, .-spin\n");

/* Intel SDM 1, 13.1: components of the extended state, and where they lie in the standard form. */
enum {
  SSE = 1,
  AVX = 2,
  OPMASK = 5,
  HI16_ZMM = 7,
  XMM0_AT = 160,
  XMM_SIZE = 256,
  XSTATE_BV_AT = 512
};
struct component {
  unsigned number, size, at;
};
static struct component components[1 + HI16_ZMM - AVX + 1];
static size_t component_count;
static struct registers in, out;

/*
 * SSE, AVX, AVX-512's masks, upper halves and upper registers, as far as kernel and processor have
 * them.
 */
static void prepare_registers(void)
{
  enum { CF_PF_AF_ZF_SF_OF_IF = 0xad7, XSAVE_LEAF = 0xd };
  unsigned total, b, c, d, low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  components[component_count++] = (struct component){SSE, XMM_SIZE, XMM0_AT};
  for (unsigned i = AVX; i <= HI16_ZMM; i++) {
    struct component *next = &components[component_count];
    if ((i == AVX || i >= OPMASK) && (low >> i & 1)) {
      __cpuid_count(XSAVE_LEAF, i, next->size, next->at, c, d);
      next->number = i;
      component_count++;
    }
  }
  __cpuid_count(XSAVE_LEAF, 0, d, total, c, b);
  in.flags = CF_PF_AF_ZF_SF_OF_IF;
  for (size_t i = 0; i < component_count; i++)
    in.mask |= 1u << components[i].number;
  in.extended = aligned_alloc(64, (total + 63) & ~63u);
  out.extended = aligned_alloc(64, (total + 63) & ~63u);
  if (!in.extended || !out.extended)
    abort();
  memset(in.extended, 0, total);
  memset(out.extended, 0, total);
  *(uint32_t *)(in.extended + 24) = 0x1f80; /* MXCSR */
  memcpy(in.extended + XSTATE_BV_AT, &in.mask, sizeof in.mask);
  for (size_t i = 0; i < component_count; i++)
    for (unsigned k = 0; k < components[i].size; k++)
      in.extended[components[i].at + k] = (uint8_t)(0x11 * (i + 1) + k);
  for (int i = 0; i < 12; i++)
    in.general[i] = 0x1111111122222222u * (unsigned)(i + 1);
  in.red_zone[0] = in.general[0];
  in.red_zone[1] = in.general[1];
}

static long do_spin(void)
{
  static unsigned turns;
  if (!in.extended)
    prepare_registers();
  /* Two of these that never slept kept all else from two processors for minutes (Linux 6.18). */
  if (++turns % 1000 == 0)
    nanosleep(&brief, NULL);
  uint8_t *extended = out.extended;
  out = (struct registers){.mask = in.mask, .extended = extended};
  for (size_t i = 0; i < component_count; i++)
    memset(extended + components[i].at, 0, components[i].size);
  spin(&in, &out);
  for (size_t i = 0; i < component_count; i++)
    if (memcmp(in.extended + components[i].at, extended + components[i].at, components[i].size) !=
        0)
      return -2;
  return memcmp(&in, &out, offsetof(struct registers, mask)) == 0 ? 1 : -2;
}

enum wake { BYTE, NOTHING, FUTEX, POST, MESSAGE, SIGNAL };
static const struct call {
  const char *name;
  long (*run)(void);
  enum wake wake;
  int returns_eintr; /* because a handler runs */
} table[] = {
    {"read", do_read, BYTE, 0},
    {"recv", do_recv, BYTE, 0},
    {"recv_timeout", do_recv, BYTE, 0},
    {"poll", do_poll, BYTE, 0},
    {"ppoll", do_ppoll, BYTE, 0},
    {"epoll_wait", do_epoll, BYTE, 0},
    {"select", do_select, BYTE, 0},
    {"nanosleep", do_nanosleep, NOTHING, 0},
    {"clock_nanosleep", do_clock, NOTHING, 0},
    {"futex", do_futex, FUTEX, 0},
    {"semop", do_semop, POST, 0},
    {"msgrcv", do_msgrcv, MESSAGE, 0},
    {"sigwaitinfo", do_sigwaitinfo, SIGNAL, 0},
    {"pause", do_pause, SIGNAL, 1},
    {"sigsuspend", do_sigsuspend, SIGNAL, 1},
    {"spin", do_spin, NOTHING, 0},
};

static void wake(const struct call *call, pid_t pid)
{
  struct sembuf post = {0, 1, 0};
  struct {
    long type;
    char c;
  } message = {1, 'x'};
  int failed = 0;
  switch (call->wake) {
  case BYTE: failed = write(ends[1], "x", 1) != 1; break;
  case FUTEX: /* store and wake as one: what comes between could end a call that came later */
    syscall(SYS_futex, &shared->word, FUTEX_WAKE_OP, 1, NULL, &shared->word,
            FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_LT, 0));
    break;
  case POST: failed = semop(semaphore, &post, 1) != 0; break;
  case MESSAGE: failed = msgsnd(queue, &message, 1, 0) != 0; break;
  case SIGNAL: failed = kill(pid, SIGUSR1) != 0; break;
  case NOTHING: break;
  }
  if (failed)
    shared->wrong++;
}

/* Ends each call once; a signal again and again, because pause(2) itself may miss one. */
static void partner(const struct call *call, pid_t pid)
{
  char line[64];
  struct pollfd input = {0, POLLIN, 0};
  for (long last = -1;;) {
    if (poll(&input, 1, 1) > 0) {
      if (!fgets(line, sizeof line, stdin))
        break;
      printf("%ld %ld %ld %ld\n", shared->calls, shared->wrong, shared->early, shared->answer);
    }
    if (shared->calls != last || call->wake == SIGNAL) {
      last = shared->calls;
      wake(call, pid);
    }
  }
  shared->stop = 1;
  wake(call, pid);
}

static void prepare(const char *name)
{
  const struct sigaction action = {.sa_handler = handle};
  const struct timeval left = {100, 0};
  struct epoll_event event = {.events = EPOLLIN};
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  semaphore = semget(IPC_PRIVATE, 1, 0600);
  queue = msgget(IPC_PRIVATE, 0600);
  poller = epoll_create1(0);
  if (shared == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
      epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event) != 0)
    abort();
  if (strcmp(name, "recv_timeout") == 0)
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left);
  sigaction(SIGUSR1, &action, NULL);
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  kept = none;
  sigaddset(&kept, SIGUSR2);
  if (strncmp(name, "sig", 3) == 0)
    sigaddset(&kept, SIGUSR1);
  sigprocmask(SIG_SETMASK, &kept, NULL);
}

static void once(const struct call *call)
{
  sigset_t now;
  long before = handled;
  errno = 0;
  long r = call->run();
  int interrupted = r == -1 && errno == EINTR;
  if (interrupted && handled == before)
    shared->early++;
  else if (call->returns_eintr ? !interrupted : r != 1)
    shared->wrong++;
  sigprocmask(SIG_BLOCK, NULL, &now);
  if (memcmp(&now, &kept, 8) != 0)
    shared->wrong++;
  shared->answer = answer(1);
  if (shared->answer != 2 && shared->answer != 1001)
    shared->wrong++;
  shared->calls++;
}

int main(int argc, char **argv)
{
  const struct call *call = table;
  while (strcmp(call->name, argv[argc - 1]) != 0)
    if (++call == table + sizeof table / sizeof *table)
      return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  prepare(call->name);
  pid_t pid = getpid();
  puts("ready");
  if (fork() == 0) {
    partner(call, pid);
    _exit(0);
  }
  while (!shared->stop)
    once(call);
  semctl(semaphore, 0, IPC_RMID);
  msgctl(queue, IPC_RMID, NULL);
  return 0;
}
