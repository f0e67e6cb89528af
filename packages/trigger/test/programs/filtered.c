/*
 * Answers under a seccomp filter.
 *   all|main|worker deny ACTION RULE...     what is denied; the rest is allowed
 *   all|main|worker only ACTION NUMBER...   what is allowed, besides what this program does itself
 *   all|main|worker strict
 *   later|later-all ...                     the same at SIGUSR1: for the first thread, or for both
 * ACTION is a SECCOMP_RET value. A RULE is NUMBER, or NUMBER:ARGUMENT:BITS: denied when all the
 * bits are in the argument. Who has the filter: both threads, or one of the two. A second filter
 * allows everything.
 */
#define _GNU_SOURCE
#include "program.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int answer(int x);

enum { SIZE = 1024 };
static struct sock_filter filter[SIZE];
static int length;
static char **arguments;
static _Atomic int ready; /* not a barrier: in strict mode its futex(2) would end the thread */

static void put(unsigned short code, unsigned char jt, unsigned char jf, unsigned k)
{
  if (length == SIZE)
    abort();
  filter[length++] = (struct sock_filter){code, jt, jf, k};
}

static void load(unsigned offset)
{
  put(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void load_number(void)
{
  load(offsetof(struct seccomp_data, nr));
}

static void rule(const char *text, unsigned verdict)
{
  unsigned number, argument = 0, bits = 0;
  if (sscanf(text, "%u:%u:%u", &number, &argument, &bits) < 3) {
    put(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number);
    put(BPF_RET | BPF_K, 0, 0, verdict);
    return;
  }
  put(BPF_JMP | BPF_JEQ | BPF_K, 0, 5, number);
  load(offsetof(struct seccomp_data, args) + 8 * argument);
  put(BPF_ALU | BPF_AND | BPF_K, 0, 0, bits);
  put(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, bits);
  put(BPF_RET | BPF_K, 0, 0, verdict);
  load_number();
}

static void install(void)
{
  struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog harmless = {1, all}, program = {(unsigned short)length, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &harmless) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    perror("seccomp");
    abort();
  }
}

static void install_later(int signal)
{
  struct sock_fprog program = {(unsigned short)length, filter};
  unsigned flags = strcmp(arguments[0], "later-all") == 0 ? SECCOMP_FILTER_FLAG_TSYNC : 0;
  (void)signal;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program))
    abort();
}

static void build(char **words)
{
  const char *own[] = {"0", "1", "15", "231", "157", "202", "219"};
  unsigned action = (unsigned)strtoul(words[1], NULL, 0);
  int only = strcmp(words[0], "only") == 0;
  load_number();
  for (char **word = words + 2; *word; word++)
    rule(*word, only ? SECCOMP_RET_ALLOW : action);
  for (size_t i = 0; only && i < sizeof own / sizeof *own; i++)
    rule(own[i], SECCOMP_RET_ALLOW);
  put(BPF_RET | BPF_K, 0, 0, only ? action : SECCOMP_RET_ALLOW);
}

static void confine(const char *who)
{
  if (strcmp(arguments[0], "all") != 0 && strcmp(arguments[0], who) != 0)
    return;
  if (strcmp(arguments[1], "strict") == 0)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
  else
    install();
}

static void *work(void *unused)
{
  char byte;
  int *pipe_end = unused;
  confine("worker");
  ready = 1;
  while (read(*pipe_end, &byte, 1) > 0)
    ;
  return NULL;
}

static const char *reply(char *line)
{
  (void)line;
  return number(answer(1));
}

int main(int argc, char **argv)
{
  pthread_t worker;
  int ends[2];
  if (argc < 3 || pipe(ends))
    return 2;
  arguments = argv + 1;
  if (strcmp(argv[2], "strict") != 0)
    build(argv + 2);
  pthread_create(&worker, NULL, work, ends);
  answer(1);
  while (!ready)
    sched_yield();
  setvbuf(stdout, NULL, _IOLBF, 1024);
  static char room[4096];
  setvbuf(stdin, room, _IOFBF, sizeof room);
  confine("main");
  if (strncmp(argv[1], "later", 5) == 0)
    signal(SIGUSR1, install_later);
  return serve(reply);
}
