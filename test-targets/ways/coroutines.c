/* Coroutines of makecontext and swapcontext that are suspended inside, and go on here or elsewhere. */
#include "cases.h"
#include "library.h"

#include <semaphore.h>
#include <stdlib.h>
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
  makecontext(&c->own, (void (*)(void))begin, 2, (unsigned)(uintptr_t)c, (unsigned)((uintptr_t)c >> 32));
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

const struct one_case coroutine_cases[] = {
    {"coroutine-resumed-here", resumed_here},
    {"coroutine-resumed-elsewhere", resumed_elsewhere},
    {"coroutine-outlives-its-thread", outlives_its_thread},
    {"coroutine-resumed-in-a-child", resumed_in_a_child},
    {"coroutine-begun-inside", begun_inside},
    {"coroutines-taking-turns", taking_turns},
    {"coroutine-ends-by-link", ends_by_link},
    {NULL, NULL},
};
