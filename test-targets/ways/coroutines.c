/*
 * Coroutines of makecontext and swapcontext that are suspended inside, and go on here or elsewhere.
 */
#include "cases.h"
#include "library.h"

#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

struct coroutine {
  ucontext_t own, *starter;
  void (*body)(struct coroutine *);
  struct trial *trial;
  long version;
  char stack[1 << 16];
};

static void begin(unsigned low, unsigned high)
{
  struct coroutine *c = (struct coroutine *)((uintptr_t)high << 32 | low);
  c->body(c);
  swapcontext(&c->own, c->starter);
}

static struct coroutine *coroutine_new(void (*body)(struct coroutine *))
{
  struct coroutine *c = calloc(1, sizeof *c);
  getcontext(&c->own);
  c->own.uc_stack.ss_sp = c->stack;
  c->own.uc_stack.ss_size = sizeof c->stack;
  c->body = body;
  makecontext(&c->own, (void (*)(void))begin, 2, (unsigned)(uintptr_t)c,
              (unsigned)((uintptr_t)c >> 32));
  return c;
}

static void go_on(struct coroutine *c)
{
  ucontext_t here;
  c->starter = &here;
  swapcontext(&here, &c->own);
}

static void give_way(struct coroutine *c)
{
  swapcontext(&c->own, c->starter);
}

/* noinline: a coroutine may find itself in another thread, with other thread variables. */
static __attribute__((noinline)) void look(struct coroutine *c)
{
  long now = value_twice();
  if (c->version == 0)
    c->version = now;
  EXPECT(c->version == now);
}

static void pause_inside(void *argument)
{
  struct coroutine *c = argument;
  look(c);
  give_way(c);
  look(c);
  give_way(c);
  look(c);
}

static void stay_inside(struct coroutine *c)
{
  call(pause_inside, c);
}

/* Suspended inside, while this thread calls the library as if nothing were. */
static void resumed_here(void)
{
  struct coroutine *c = coroutine_new(stay_inside);
  go_on(c);
  call(inside, NULL);
  go_on(c);
  outermost();
  saw(value());
  go_on(c);
  saw(c->version == 0 ? -1 : trial->inside);
  after();
  trial->inside = c->version;
  free(c);
}

static void *enter_once(void *unused)
{
  glance();
  return unused;
}

static void *resume(void *argument)
{
  glance(); /* this thread has slots of its own already */
  go_on(argument);
  glance();
  return NULL;
}

/* Every time another thread: it begins here, goes on there, and ends in a third one. */
static void resumed_elsewhere(void)
{
  struct coroutine *c = coroutine_new(stay_inside);
  go_on(c);
  hold();
  pthread_join(spawn(resume, c), NULL);
  pthread_join(spawn(resume, c), NULL);
  after();
  trial->inside = c->version;
  free(c);
}

/* Begun by a thread that is no more when it goes on. */
static void *begin_there(void *argument)
{
  go_on(argument);
  return NULL;
}

static void outlives_its_thread(void)
{
  struct coroutine *c = coroutine_new(stay_inside);
  pthread_join(spawn(begin_there, c), NULL);
  hold();
  go_on(c);
  glance();
  go_on(c);
  after();
  trial->inside = c->version;
  free(c);
}

/* In a child, which has none of the threads that began it. */
static void *wait_there(void *argument)
{
  go_on(((void **)argument)[0]);
  sem_post(((void **)argument)[1]);
  sem_wait(((void **)argument)[2]);
  return NULL;
}

static void resumed_in_a_child(void)
{
  struct coroutine *c = coroutine_new(stay_inside);
  sem_t begun, done;
  sem_init(&begun, 0, 0);
  sem_init(&done, 0, 0);
  pthread_t there = spawn(wait_there, (void *[]){c, &begun, &done});
  sem_wait(&begun);
  hold();
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 8; i++) /* which take what slots are free */
      pthread_join(spawn(enter_once, NULL), NULL);
    go_on(c);
    go_on(c);
    _exit(trial->failure[0] ? 1 : 46);
  }
  int status = -1;
  EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 46);
  sem_post(&done);
  pthread_join(there, NULL);
  go_on(c);
  go_on(c);
  after();
  trial->inside = c->version;
  free(c);
}

/* Begun inside by a call that waits for it. */
static void in_a_callback(void *argument)
{
  see();
  go_on(argument);
  hold();
  see();
  go_on(argument);
  see();
  go_on(argument);
  see();
}

static void begun_inside(void)
{
  struct coroutine *c = coroutine_new(stay_inside);
  call(in_a_callback, c);
  after();
  free(c);
}

/* Two that take turns, each inside of both libraries. */
static void pause_inside_both(void *argument)
{
  more_call(pause_inside, argument);
}

static void stay_inside_both(struct coroutine *c)
{
  call(pause_inside_both, c);
}

static void taking_turns(void)
{
  struct coroutine *a = coroutine_new(stay_inside_both), *b = coroutine_new(stay_inside_both);
  go_on(a);
  hold();
  go_on(b);
  for (int i = 0; i < 2; i++) {
    go_on(a);
    go_on(b);
  }
  after();
  trial->inside = a->version;
  free(a);
  free(b);
}

/* Ends by uc_link, without a swapcontext. */
static void pause_once(void *argument)
{
  struct coroutine *c = argument;
  look(c);
  give_way(c);
  look(c);
}

static void linked_body(unsigned low, unsigned high)
{
  call(pause_once, (struct coroutine *)((uintptr_t)high << 32 | low));
}

static void ends_by_link(void)
{
  struct coroutine *c = coroutine_new(NULL);
  ucontext_t here;
  c->own.uc_link = &here;
  makecontext(&c->own, (void (*)(void))linked_body, 2, (unsigned)(uintptr_t)c,
              (unsigned)((uintptr_t)c >> 32));
  c->starter = &here;
  swapcontext(&here, &c->own);
  hold();
  swapcontext(&here, &c->own);
  after();
  trial->inside = c->version;
  free(c);
}

/* Nothing is left of what the stack held below here. */
static __attribute__((noinline)) void scrub(void)
{
  char room[8192];
  memset(room, 0, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
}

/* A claim that is stale when the coroutine begins must not come back over the coroutine's. */
static void begun_behind_a_jump(void)
{
  struct coroutine *c = coroutine_new(stay_inside);
  leave_unseen();
  scrub();
  go_on(c);
  glance();
  go_on(c);
  outermost();
  call(inside, NULL);
  go_on(c);
  after();
  free(c);
}

/*
 * Two stacks in one piece of memory, and a switch between them that nobody sees: a call at the
 * upper one takes the lower one's for gone. It is not, and returns.
 */
static int (*real_swapcontext)(ucontext_t *, const ucontext_t *);
static __thread ucontext_t upper, lower;

static void find_real(void)
{
  void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  real_swapcontext = (int (*)(ucontext_t *, const ucontext_t *))dlsym(libc, "swapcontext");
  if (!real_swapcontext)
    abort();
}

static void to_upper(void *unused)
{
  (void)unused;
  see();
  real_swapcontext(&lower, &upper);
  EXPECT(value_twice() > 0);
}

static void lower_body(void)
{
  call(to_upper, NULL);
  real_swapcontext(&lower, &upper);
}

static void *upper_body(void *room)
{
  getcontext(&lower);
  lower.uc_stack.ss_sp = room;
  lower.uc_stack.ss_size = 1 << 16;
  makecontext(&lower, lower_body, 0);
  real_swapcontext(&upper, &lower);
  hold();
  outermost();
  call(inside, NULL);
  real_swapcontext(&upper, &lower);
  glance();
  return NULL;
}

static void switched_unseen(void)
{
  enum { SIZE = 1 << 16 };
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_real);
  char *room = aligned_alloc(4096, 3 * SIZE);
  pthread_join(spawn_on(room + SIZE, 2 * SIZE, upper_body, room), NULL);
  free(room);
  after();
}

const struct one_case coroutine_cases[] = {
    {"coroutine-resumed-here", resumed_here},
    {"coroutine-resumed-elsewhere", resumed_elsewhere},
    {"coroutine-outlives-its-thread", outlives_its_thread},
    {"coroutine-resumed-in-a-child", resumed_in_a_child},
    {"coroutine-begun-inside", begun_inside},
    {"coroutines-taking-turns", taking_turns},
    {"coroutine-ends-by-link", ends_by_link},
    {"coroutine-begun-behind-a-jump", begun_behind_a_jump},
    {"switched-unseen", switched_unseen},
    {NULL, NULL},
};
