/*
 * stack-edge WHO HOW ROOM: a thread waits for its input with ROOM bytes of its stack left, says for
 * each line what the library answers and how many of the bytes were written to meanwhile, and waits
 * again.
 *   WHO  main    the first thread, whose stack has grown to its limit (RLIMIT_STACK): no other one
 *        walled  the same, and it could not grow whatever the limit
 *        thread  a thread with a guard page: no other one, the first has ended
 *        both    the same, and the first one sleeps in pause(2)
 *   HOW  sleeps, or runs
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STACK = 256 << 10, PAINT = 0x5a };

int answer(int x);

static long room;

static void fail(const char *what)
{
  perror(what);
  exit(77);
}

/* read(2) of standard input, again and again while there is none, with rsp = `sp`. */
static long read_at(char *sp, char *byte)
{
  long result;
  __asm__ volatile("mov %%rsp, %%rbx\n\tmov %[sp], %%rsp\n"
                   "1:\txor %%eax, %%eax\n\txor %%edi, %%edi\n\tmov $1, %%edx\n\tsyscall\n"
                   "\tcmp %[again], %%rax\n\tje 1b\n\tmov %%rbx, %%rsp"
                   : "=a"(result)
                   : [sp] "r"(sp), "S"(byte), [again] "i"(-EAGAIN)
                   : "rbx", "rcx", "rdx", "rdi", "r11", "memory");
  return result;
}

/* Nothing of C lies there: it is far from the end of the stack. */
static long written(const char *low)
{
  long untouched = 0;
  while (untouched < room && low[untouched] == PAINT)
    untouched++;
  return room - untouched;
}

static void serve_at(char *low)
{
  char byte;
  puts("ready");
  for (;;) {
    memset(low, PAINT, (size_t)room);
    if (read_at(low + room, &byte) != 1)
      exit(0);
    const long used = written(low);
    printf("%d %ld\n", answer(1), used);
  }
}

static void *in_thread(void *unused)
{
  pthread_attr_t attributes;
  void *low;
  size_t size;
  if (pthread_getattr_np(pthread_self(), &attributes) ||
      pthread_attr_getstack(&attributes, &low, &size))
    fail("stack");
  serve_at(low);
  return unused;
}

/*
 * The kernel lets it grow to the limit, counted from its very end, and to less than a megabyte
 * before other memory.
 */
static char *grow(int wall)
{
  enum { PAGE = 4096, BETWEEN = 64 << 10 };
  const struct rlimit limit = {STACK, STACK};
  unsigned long start, end = 0;
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  if (!maps || setrlimit(RLIMIT_STACK, &limit))
    fail("stack");
  while (fgets(line, sizeof line, maps) && !strstr(line, "[stack]"))
    ;
  fclose(maps);
  if (sscanf(line, "%lx-%lx", &start, &end) != 2)
    fail("stack");
  char *const low = (char *)end - STACK;
  for (char *page = (char *)start; page >= low; page -= PAGE)
    *(volatile char *)page = 0;
  if (wall && mmap(low - BETWEEN, PAGE, PROT_READ,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
    fail("mmap");
  return low;
}

int main(int argc, char **argv)
{
  pthread_t thread;
  pthread_attr_t attributes;
  if (argc != 4)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  room = atol(argv[3]);
  answer(1); /* its first call makes system calls of libpulp.so's own */
  if (strcmp(argv[2], "runs") == 0 && fcntl(0, F_SETFL, O_NONBLOCK))
    fail("fcntl");
  if (strcmp(argv[1], "main") == 0 || strcmp(argv[1], "walled") == 0)
    serve_at(grow(argv[1][0] == 'w'));
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK);
  if (pthread_create(&thread, &attributes, in_thread, NULL))
    fail("thread");
  if (strcmp(argv[1], "thread") == 0)
    pthread_exit(NULL);
  for (;;)
    pause();
}
