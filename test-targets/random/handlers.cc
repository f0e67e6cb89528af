/*
 * Handlers that a program raises itself, on the thread's stack or the alternate one; those that
 * come at a chosen instruction, by single steps; and those of a timer, at any.
 */
#include "world.h"

#include <csignal>
#include <cstring>
#include <link.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  SIGNAL_PLAIN = SIGUSR1,
  SIGNAL_ALTERNATE = SIGUSR2,
  SIGNAL_COROUTINE = SIGURG,
  TRAP_FLAG = 0x100,
  STEPS_MAX = 4000
};

static bool on_alternate(const struct thread *thread)
{
  const char *here = (const char *)__builtin_frame_address(0);
  return thread->alternate && here >= thread->alternate &&
         here < thread->alternate + ALTERNATE_SIZE;
}

/* ---- raised ---- */

void raise_handler(const struct node *node)
{
  struct thread *thread = self();
  thread->raised = node;
  pthread_kill(pthread_self(), node->kind == PLAIN ? SIGNAL_PLAIN : SIGNAL_ALTERNATE);
}

static void raised_handler(int)
{
  struct thread *thread = self();
  const struct node *node = thread->raised;
  const struct mark here = random_begin();
  thread->current->now.alternate |= on_alternate(thread);
  children(node);
  random_end(&here);
}

static void coroutine_handler(int)
{
  coroutine_signal_handler();
}

/* ---- at an instruction ---- */

/* What is not counted: the program and what it calls besides the libraries under test. */
static struct range {
  uintptr_t begin, end;
} others[32];
static int other_count;

static int note_object(struct dl_phdr_info *info, size_t, void *)
{
  const char *slash = strrchr(info->dlpi_name, '/'), *name = slash ? slash + 1 : info->dlpi_name;
  if (strncmp(name, "librandom", 9) == 0 || strncmp(name, "libpulp", 7) == 0)
    return 0;
  struct range range = {~0UL, 0};
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD)
      continue;
    const uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
    if (begin < range.begin)
      range.begin = begin;
    if (begin + segment->p_memsz > range.end)
      range.end = begin + segment->p_memsz;
  }
  if (other_count < 32)
    others[other_count++] = range;
  return 0;
}

static bool is_counted(uintptr_t rip)
{
  for (int i = 0; i < other_count; i++)
    if (rip >= others[i].begin && rip < others[i].end)
      return false;
  return true;
}

/*
 * The runtime is about to block all signals. A step that met a blocked SIGTRAP would end the
 * process: so the call is done here, but for that signal. What is to come at an instruction waits
 * until it is let in.
 */
static bool block_but_trap(ucontext_t *at)
{
  greg_t *registers = at->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)registers[REG_RIP];
  if (registers[REG_RAX] != SYS_rt_sigprocmask || code[0] != 0x0f || code[1] != 0x05 ||
      registers[REG_R10] != 8)
    return false;
  uint64_t *mask = (uint64_t *)&at->uc_sigmask, before = *mask;
  const uint64_t *wanted = (const uint64_t *)registers[REG_RSI];
  if (wanted) {
    const uint64_t set = *wanted;
    *mask = registers[REG_RDI] == SIG_BLOCK     ? before | set
            : registers[REG_RDI] == SIG_UNBLOCK ? before & ~set
                                                : set;
    *mask &= ~(1UL << (SIGTRAP - 1));
  }
  if (registers[REG_RDX])
    *(uint64_t *)registers[REG_RDX] = before;
  registers[REG_RAX] = 0;
  registers[REG_RIP] += 2;
  return true;
}

static void trap_handler(int, siginfo_t *, void *argument)
{
  ucontext_t *at = (ucontext_t *)argument;
  greg_t *registers = at->uc_mcontext.gregs;
  struct thread *thread = self();
  struct stepping *stepping = thread ? thread->stepping : nullptr;
  if (!stepping || stepping->left < 0 || --stepping->limit < 0) {
    registers[REG_EFL] &= ~TRAP_FLAG;
    return;
  }
  if (block_but_trap(at) || !is_counted((uintptr_t)registers[REG_RIP]))
    return;
  const uint64_t plain = 1UL << (SIGNAL_PLAIN - 1);
  if (stepping->left > 0)
    stepping->left--;
  if (stepping->left > 0 || *(uint64_t *)&at->uc_sigmask & plain)
    return;
  stepping->left = -1;
  registers[REG_EFL] &= ~TRAP_FLAG;
  /* Whether the call below has begun or ended cannot be told: the handler is a flow of its own. */
  struct context mine, *below = thread->current;
  context_clear(&mine);
  mine.now.alternate = on_alternate(thread);
  thread->current = &mine;
  thread->stepping = nullptr;
  children(stepping->payload);
  thread->stepping = stepping;
  thread->current = below;
}

/*
 * The first child, and at the ARGUMENT-th instruction of it the children of the second. Nothing
 * leaves either.
 */
void step(const struct node *node)
{
  struct thread *thread = self();
  struct context *now = thread->current;
  if (!node->children || !node->children->next)
    return;
  const struct mark here = random_begin();
  now->now.jump = nullptr;
  now->now.catches = 0;
  now->now.cancellable = false;
  now->stuck++;
  struct stepping mine = {1 + node->argument, STEPS_MAX, node->children->next},
                  *above = thread->stepping;
  thread->stepping = &mine;
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
  random_do(node->children);
  __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
  thread->stepping = above;
  now->stuck--;
  random_end(&here);
}

/* ---- by a timer ---- */

void glance(void)
{
  struct thread *thread = self();
  struct context mine, *below = thread->current;
  context_clear(&mine);
  thread->current = &mine;
  const struct mark here = random_begin();
  a_w0();
  random_end(&here);
  random_begin();
  b_w1();
  random_end(&here);
  random_begin();
  c_w3();
  random_end(&here);
  thread->current = below;
}

static void storm_handler(int)
{
  if (self() && self()->current)
    glance();
}

static void install(int signal, void (*handler)(int), int flags)
{
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_NODEFER | SA_RESTART;
  sigaction(signal, &action, nullptr);
}

void handlers_install(long storm_microseconds)
{
  dl_iterate_phdr(note_object, nullptr);
  install(SIGNAL_PLAIN, raised_handler, 0);
  install(SIGNAL_ALTERNATE, raised_handler, SA_ONSTACK);
  install(SIGNAL_COROUTINE, coroutine_handler, SA_ONSTACK);
  install(SIGALRM, storm_handler, 0);
  struct sigaction action = {};
  action.sa_sigaction = trap_handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGTRAP, &action, nullptr);
  const struct itimerval every = {{0, storm_microseconds}, {0, storm_microseconds}};
  setitimer(ITIMER_REAL, &every, nullptr);
}
