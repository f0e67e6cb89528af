#include "library.h"
#include "program.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { THREADS = 64, EACH = 256, STACK = 16 << 10 };

/* ---- fill: all slots but the main thread's; each held by a coroutine suspended inside ---- */

struct coroutines {
  pthread_t thread;
  int count, current;
  ucontext_t main, contexts[EACH];
};
static struct coroutines filled[THREADS];
static sem_t full, empty;

static void suspend(void *argument)
{
  struct coroutines *c = argument;
  swapcontext(&c->contexts[c->current], &c->main);
}

static void coroutine(unsigned index)
{
  stay(suspend, &filled[index]);
}

static void *fill(void *argument)
{
  struct coroutines *c = argument;
  char *stacks =
      mmap(NULL, (size_t)EACH * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < c->count; i++) {
    getcontext(&c->contexts[i]);
    c->contexts[i].uc_stack.ss_sp = stacks + i * STACK;
    c->contexts[i].uc_stack.ss_size = STACK;
    c->contexts[i].uc_link = &c->main;
    makecontext(&c->contexts[i], (void (*)(void))coroutine, 1, (unsigned)(c - filled));
    c->current = i;
    swapcontext(&c->main, &c->contexts[i]);
  }
  sem_post(&full);
  sem_wait(&empty);
  for (int i = 0; i < c->count; i++) {
    c->current = i;
    swapcontext(&c->main, &c->contexts[i]);
  }
  munmap(stacks, (size_t)EACH * STACK);
  return NULL;
}

static void fill_all(void)
{
  for (int i = 0; i < THREADS; i++) {
    filled[i].count = EACH - (i == 0);
    pthread_create(&filled[i].thread, NULL, fill, &filled[i]);
  }
  for (int i = 0; i < THREADS; i++)
    sem_wait(&full);
}

static void empty_all(void)
{
  for (int i = 0; i < THREADS; i++)
    sem_post(&empty);
  for (int i = 0; i < THREADS; i++)
    pthread_join(filled[i].thread, NULL);
}

/* ---- guest: one thread more, which calls version() when it is asked, outside of any call ---- */

static pthread_t guest;
static sem_t asked, answered;
static volatile int guest_leaves, guest_version, guest_tid;

static void *be_guest(void *unused)
{
  guest_tid = (int)syscall(SYS_gettid);
  for (;;) {
    guest_version = version();
    sem_post(&answered);
    sem_wait(&asked);
    if (guest_leaves)
      return unused;
  }
}

/* ---- a thread that ends inside, and tells nobody ---- */

static void end_at_once(void *unused)
{
  (void)unused;
  syscall(SYS_exit, 0);
}

static void *vanish(void *unused)
{
  stay(end_at_once, NULL);
  return unused;
}

/* ---- more guests than there are notes of pinned threads ---- */

enum { CROWD = 300 };

static void *be_in_crowd(void *unused)
{
  version();
  sem_post(&answered);
  sem_wait(&asked);
  return unused;
}

static pthread_t crowd[CROWD];

static void crowd_comes(void)
{
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  for (int i = 0; i < CROWD; i++) {
    pthread_create(&crowd[i], &attributes, be_in_crowd, NULL);
    sem_wait(&answered);
  }
  pthread_attr_destroy(&attributes);
}

static void crowd_leaves(void)
{
  for (int i = 0; i < CROWD; i++)
    sem_post(&asked);
  for (int i = 0; i < CROWD; i++)
    pthread_join(crowd[i], NULL);
}

/* ---- a thread whose first call is made by its child of vfork, which shares its slots ---- */

static pthread_t parent;
static sem_t parent_leaves;

static void wait_inside(void *unused)
{
  (void)unused;
  sem_post(&answered);
  sem_wait(&parent_leaves);
}

static void *be_parent(void *unused)
{
  if (vfork() == 0) {
    version();
    _exit(0);
  }
  stay(wait_inside, NULL);
  guest_version = version();
  return unused;
}

static const char *reply(char *line)
{
  static char answer[64];
  pthread_t thread;
  if (strcmp(line, "fill") == 0)
    fill_all();
  else if (strcmp(line, "empty") == 0)
    empty_all();
  else if (strcmp(line, "guest comes") == 0) {
    guest_leaves = 0;
    pthread_create(&guest, NULL, be_guest, NULL);
    sem_wait(&answered);
    snprintf(answer, sizeof answer, "%d %d", guest_tid, guest_version);
    return answer;
  } else if (strcmp(line, "guest calls") == 0) {
    sem_post(&asked);
    sem_wait(&answered);
    snprintf(answer, sizeof answer, "%d %d", guest_tid, guest_version);
    return answer;
  } else if (strcmp(line, "guest leaves") == 0) {
    guest_leaves = 1;
    sem_post(&asked);
    pthread_join(guest, NULL);
  } else if (strcmp(line, "crowd comes") == 0)
    crowd_comes();
  else if (strcmp(line, "crowd leaves") == 0)
    crowd_leaves();
  else if (strcmp(line, "parent comes") == 0) {
    pthread_create(&parent, NULL, be_parent, NULL);
    sem_wait(&answered);
  } else if (strcmp(line, "parent leaves") == 0) {
    sem_post(&parent_leaves);
    pthread_join(parent, NULL);
    return number(guest_version);
  } else if (strcmp(line, "vanish") == 0) {
    pthread_create(&thread, NULL, vanish, NULL);
    pthread_join(thread, NULL);
  }
  snprintf(answer, sizeof answer, "%d", version());
  return answer;
}

int main(void)
{
  return serve(reply);
}
