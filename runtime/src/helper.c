/*
 * The dormant helper: a real glibc thread whose kernel thread has left by the raw exit system call.
 * Its descriptor, TLS and stack stay behind, so that a tool can bring it back to life with one raw
 * clone (gadget.S). To the kernel and to ps, the process has no thread more than before.
 *
 * Alive, it is an ordinary thread: it may take any lock, because nobody is stopped. What glibc must
 * not notice, and how it is kept from noticing:
 *   tid in the descriptor   a fake one while it lives (gadget.S), 0 otherwise: setxid signals all
 *                           threads and would wait for one that does not answer
 *   number of threads       counted back, or exit handlers would be lost when main ends by
 *                           pthread_exit
 *   rseq                    registered anew in each life
 *   return slots            given back after each life, because a slot whose thread is gone is
 *                           given to others: constructors of patches run here, and may call
 *                           libraries
 *   fork                    waits, bounded, while it lives; see wait_for_helper
 *
 * The stack, from its low end to its high end; glibc puts the last part there, as it does in every
 * stack:
 *
 *   GUARD_BYTES             never readable
 *   REST_BYTES              not readable while it is dormant: what cannot be written counts for no
 *                           RLIMIT_DATA
 *   FIRST_BYTES             writable
 *   minimal_stack()         writable: the thread's descriptor and static TLS, of any size
 */
#include "runtime.h"

#include <dlfcn.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <time.h>

enum {
  GUARD_BYTES = 4096,
  STACK_BYTES = 1 << 20,  /* of a life: constructors of patches run on it */
  FIRST_BYTES = 32 << 10, /* for the first life, and for another until it has opened the rest */
  REST_BYTES = STACK_BYTES - FIRST_BYTES,
  SMALL_TLS = 64 << 10,
  FAKE_TID = 0x3ffffff0, /* above every pid_max */
  FORK_WAIT_MS = 2000,
};

extern ULP_HIDDEN char ulp_gadget[], ulp_gadget_end[], ulp_repeat[];
ULP_HIDDEN __attribute__((noreturn, used)) void helper_life(uint64_t launched);

static char *stack_low; /* above its guard: the rest of it, then the first bytes */
static size_t stack_size;

static uint64_t fs_base(void)
{
  uint64_t value;
  /* The descriptor's first word is its address. */
  __asm__ volatile("movq %%fs:0, %0" : "=r"(value));
  return value;
}

static __attribute__((noreturn)) void leave_kernel_thread(void)
{
  for (;;)
    raw_syscall(SYS_exit, 0);
}

/* Where glibc notes a thread's stack in its descriptor: the only two words there that say ours. */
static void find_stack_offset(void)
{
  const uint64_t *descriptor = (const uint64_t *)fs_base();
  enum { WORDS = 2048 / 8 }; /* glibc's has some 2300 bytes */
  for (uint32_t i = 0; i + 1 < WORDS; i++)
    if (descriptor[i] == (uint64_t)stack_low && descriptor[i + 1] == stack_size)
      ulp_stack_offset = i * 8;
}

/* The first life notes what clone needs for the next one. */
static void *first_life(void *unused)
{
  struct ulp_control *control = &ulp_control_block;
  uint64_t tid_address = 0;
  char here;
  (void)unused;
  prctl(PR_GET_TID_ADDRESS, &tid_address);
  control->helper_tls = fs_base();
  find_stack_offset();
  control->helper_stack = ((uint64_t)&here - 1024) & ~0xffUL;
  __atomic_store_n(&control->tid_address, tid_address, __ATOMIC_RELEASE);
  leave_kernel_thread();
}

static bool stack_open(void)
{
  return raw_syscall(SYS_mprotect, stack_low, REST_BYTES, PROT_READ | PROT_WRITE) == 0;
}

static void stack_close(void)
{
  raw_syscall(SYS_madvise, stack_low, REST_BYTES, MADV_DONTNEED);
  raw_syscall(SYS_mprotect, stack_low, REST_BYTES, PROT_NONE);
}

/* A life after the first; the gadget has moved the state to `launched`. */
void helper_life(uint64_t launched)
{
  struct ulp_control *control = &ulp_control_block;
  uint64_t all = ~0UL, sequence = launched >> 8;
  const uint32_t mxcsr = 0x1f80;
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, sizeof all);
  __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
  if (__rseq_size != 0)
    raw_syscall(SYS_rseq, fs_base() + (uint64_t)__rseq_offset, 32, 0, RSEQ_SIG);
  if (__atomic_compare_exchange_n(&control->state, &launched, sequence << 8 | ULP_STATE_RUNNING,
                                  false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    request_run(sequence, stack_open());
    thread_gives_back();
    stack_close();
    __atomic_store_n(&control->state, sequence << 8 | ULP_STATE_DONE, __ATOMIC_SEQ_CST);
  }
  leave_kernel_thread();
}

static uint32_t living_tid(void)
{
  return __atomic_load_n((uint32_t *)ulp_control_block.tid_address, __ATOMIC_ACQUIRE);
}

/* Waits until no helper lives, for so long at most. */
static void wait_for_helper(int ms)
{
  const struct timespec nap = {0, 10 * 1000 * 1000};
  uint32_t tid;
  for (; ms > 0 && (tid = living_tid()) != 0; ms -= 10)
    raw_syscall(SYS_futex, ulp_control_block.tid_address, FUTEX_WAIT, tid, &nap, 0, 0);
}

/*
 * Before fork: a child must not be born with the loader's lock held by a helper that it does not
 * have.
 */
static void before_fork(void)
{
  if (fs_base() != ulp_control_block.helper_tls)
    wait_for_helper(FORK_WAIT_MS);
}

/* In the child nobody works on a request. */
static void child_begins(void)
{
  struct ulp_control *control = &ulp_control_block;
  control->pid = (uint32_t)raw_syscall(SYS_getpid);
  control->state = (control->state & ~0xffUL) | ULP_STATE_DONE;
  *(uint32_t *)control->tid_address = 0;
}

/*
 * What glibc takes of a thread's stack before the thread has any: as for
 * pthread_attr_setstacksize(3).
 */
static size_t minimal_stack(const pthread_attr_t *attributes)
{
  size_t (*minimal)(const pthread_attr_t *) =
      (size_t (*)(const pthread_attr_t *))dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
  return minimal ? minimal(attributes) : 0;
}

static bool make_thread(void)
{
  const size_t page = GUARD_BYTES;
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, old;
  pthread_attr_init(&attributes);
  const size_t minimal = (minimal_stack(&attributes) + page - 1) & ~(page - 1);
  char *low = mmap(NULL, GUARD_BYTES + STACK_BYTES + minimal, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (low == MAP_FAILED)
    return false;
  stack_low = low + GUARD_BYTES;
  stack_size = STACK_BYTES + minimal;
  int error = mprotect(stack_low + REST_BYTES, stack_size - REST_BYTES, PROT_READ | PROT_WRITE);
  if (error == 0) {
    sigfillset(&all);
    pthread_attr_setstack(&attributes, stack_low, stack_size);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&thread, &attributes, first_life, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
  }
  pthread_attr_destroy(&attributes);
  if (error != 0)
    munmap(low, GUARD_BYTES + STACK_BYTES + minimal);
  return error == 0;
}

/*
 * glibc writes the zeros of a thread's TLS, even where they are zeros already. Whole pages of them
 * are given back, because a program with much TLS would otherwise hold it once more. The helper's
 * block of a module lies as far from its thread pointer as ours does from ours, where the module's
 * TLS is static.
 */
static int drop_zeros(struct dl_phdr_info *info, size_t size, void *unused)
{
  const uint64_t page = GUARD_BYTES, helper = ulp_control_block.helper_tls;
  (void)size, (void)unused;
  for (int i = 0; i < info->dlpi_phnum && info->dlpi_tls_data; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_TLS || segment->p_memsz - segment->p_filesz < SMALL_TLS)
      continue;
    uint64_t block = (uint64_t)info->dlpi_tls_data - fs_base() + helper;
    uint64_t from = (block + segment->p_filesz + page - 1) & ~(page - 1);
    uint64_t to = (block + segment->p_memsz) & ~(page - 1);
    if (from >= (uint64_t)stack_low + STACK_BYTES && from < to && to <= helper)
      madvise((void *)from, to - from, MADV_DONTNEED);
  }
  return 0;
}

bool helper_init(void)
{
  struct ulp_control *control = &ulp_control_block;
  control->gadget = (uint64_t)ulp_gadget;
  control->gadget_end = (uint64_t)ulp_gadget_end;
  control->repeat = (uint64_t)ulp_repeat;
  control->fake_tid = FAKE_TID;
  control->clone_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                         CLONE_SYSVSEM | CLONE_SETTLS | CLONE_CHILD_CLEARTID;
  if (!make_thread())
    return false;
  while (__atomic_load_n(&control->tid_address, __ATOMIC_ACQUIRE) == 0)
    sched_yield();
  while (living_tid() != 0)
    wait_for_helper(1000);
  dl_iterate_phdr(drop_zeros, NULL);
  uint32_t *threads = dlsym(RTLD_DEFAULT, "__nptl_nthreads");
  if (threads && *threads > 1)
    __atomic_fetch_sub(threads, 1, __ATOMIC_SEQ_CST);
  pthread_atfork(before_fork, NULL, child_begins);
  return true;
}
