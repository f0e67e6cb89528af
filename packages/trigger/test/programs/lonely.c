/*
 * lonely MODE [FOLDER]: the first thread of the process calls the library, then spends its time as
 * MODE says, until it is asked again. Another process asks it, for each line of input, and prints
 * the library's answer, or "wrong".
 *   plain     it sleeps
 *   dispatch  it sleeps; system calls from outside of libc raise SIGSYS (syscall user dispatch),
 *             which is handled
 *   silent    the same, without a handler
 *   pkey      it runs, and may not write to memory (protection keys)
 * In these it runs, and a second thread, which sleeps, differs from it:
 *   root      FOLDER is its root directory
 *   mount     FOLDER is empty for it
 *   user      it has given up root
 *   files     it has open files of its own
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

int answer(int x);

static struct shared {
  atomic_int asked, told, answer, signals, stop;
} *shared;
static const char *mode, *folder;
static int asks[2], tells[2];
static volatile char selector = 1; /* block */

static void handle(int signal)
{
  (void)signal;
  shared->signals++;
}

static int in_libc(struct dl_phdr_info *info, size_t size, void *range)
{
  unsigned long *found = range;
  (void)size;
  if (!strstr(info->dlpi_name, "libc.so"))
    return 0;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      found[0] = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      found[1] = info->dlpi_phdr[i].p_memsz;
    }
  return 1;
}

static void dispatch(void)
{
  unsigned long range[2];
  const struct sigaction action = {.sa_handler = handle};
  if (strcmp(mode, "dispatch") == 0)
    sigaction(SIGSYS, &action, NULL);
  dl_iterate_phdr(in_libc, range);
  if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, range[0], range[1], &selector) != 0) {
    perror("prctl");
    exit(77);
  }
}

static void sleep_until_asked(void)
{
  char byte;
  if (read(asks[0], &byte, 1) != 1)
    shared->stop = 1;
}

/* Writes to nothing, not even a stack, while the key of all ordinary memory forbids it. */
static void run_until_asked(void)
{
  unsigned key_0_write_disabled = 2, before, high;
  __asm__ volatile("xor %%ecx, %%ecx\n\trdpkru" : "=a"(before), "=d"(high) : : "rcx");
  __asm__ volatile(
      "xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tmov %[denied], %%eax\n\twrpkru\n"
      "1:\tmov (%[asked]), %%eax\n\tcmp (%[told]), %%eax\n\tjne 2f\n\tcmpl $0, (%[stop])\n\tje 1b\n"
      "2:\tmov %[before], %%eax\n\twrpkru"
      :
      : [denied] "r"(before | key_0_write_disabled), [before] "r"(before),
        [asked] "r"(&shared->asked), [told] "r"(&shared->told), [stop] "r"(&shared->stop)
      : "rax", "rcx", "rdx", "memory");
}

static atomic_int differs;

static void differ(void)
{
  const long nobody = 65534;
  int failed = strcmp(mode, "root") == 0 ? unshare(CLONE_FS) || chroot(folder)
               : strcmp(mode, "mount") == 0
                   ? unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
                         mount("none", folder, "tmpfs", 0, NULL)
               : strcmp(mode, "user") == 0 ? syscall(SYS_setresuid, nobody, nobody, nobody) != 0
                                           : unshare(CLONE_FILES);
  if (failed) {
    perror(mode);
    abort();
  }
}

static void *sleep_for_good(void *unused)
{
  static int ends[2];
  char byte;
  if (pipe(ends))
    abort();
  differ();
  differs = 1;
  while (read(ends[0], &byte, 1) >= 0)
    ;
  return unused;
}

static int is_one_of(const char *modes)
{
  return strstr(modes, mode) != NULL;
}

static void live(void)
{
  answer(1); /* its first call makes system calls of libpulp.so's own */
  if (is_one_of("dispatch silent"))
    dispatch();
  while (!shared->stop) {
    shared->answer = answer(1);
    shared->told = shared->asked;
    if (write(tells[1], "x", 1) != 1)
      return;
    if (strcmp(mode, "pkey") == 0)
      run_until_asked();
    else if (is_one_of("root mount user files"))
      while (shared->asked == shared->told && !shared->stop)
        ;
    else
      sleep_until_asked();
  }
}

static void partner(void)
{
  char line[64], byte;
  if (read(tells[0], &byte, 1) != 1)
    _exit(1);
  while (fgets(line, sizeof line, stdin)) {
    shared->asked++;
    if (write(asks[1], "x", 1) != 1 || read(tells[0], &byte, 1) != 1)
      _exit(1);
    printf(shared->signals ? "wrong\n" : "%d\n", shared->answer);
  }
  shared->stop = 1;
  _exit(0);
}

int main(int argc, char **argv)
{
  pthread_t other;
  mode = argc > 1 ? argv[1] : "plain";
  folder = argc > 2 ? argv[2] : NULL;
  setvbuf(stdout, NULL, _IOLBF, 0);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || pipe(asks) || pipe(tells))
    return 1;
  puts("ready");
  if (fork() == 0) {
    close(tells[1]);
    partner();
  }
  if (is_one_of("root mount user files")) {
    pthread_create(&other, NULL, sleep_for_good, NULL);
    while (!differs)
      ;
  } else {
    close(asks[1]);
  }
  live();
  return 0;
}
