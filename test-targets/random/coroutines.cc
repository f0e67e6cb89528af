/*
 * Coroutines of four kinds, on stacks that lie side by side in one mapping and are used again:
 *   CONTEXT  makecontext, swapcontext; ends by swapcontext or by uc_link
 *   SWITCH   a switch of stacks by hand, as boost.context and libco do it
 *   SIGNAL   a stack by sigaltstack, switched by siglongjmp, as QEMU does it
 *   COPY     on the thread's own stack, a part of which is copied away and back, as greenlet does
 *            it
 * They begin, yield to whoever has made them go on, go on in the same or another thread, and end or
 * are forgotten.
 */
#include "world.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>

enum { STACK_SIZE = 1 << 17, STACKS = 64, COROUTINES_MAX = 12, SIDE_SIZE = 1 << 16 };

/* Frames that are copied away while others use their addresses. */
struct place {
  char *sp, *saved;
  size_t size;
};

struct coroutine {
  enum kind kind;
  const struct node *body;
  struct context context;
  bool running, done;
  char *stack;
  struct coroutine *next;
  ucontext_t context_place, context_from;
  void *sp, *sp_from;
  sigjmp_buf jump_place, jump_from;
  struct thread *thread; /* that began it */
  struct place copied, copied_from;
  char *high;
};

/* ---- stacks ---- */

bool coroutines_move = true;
static char *slab;
static bool taken[STACKS];

void coroutines_init(void)
{
  slab = (char *)mmap(nullptr, (size_t)STACKS * STACK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (slab == MAP_FAILED)
    abort();
}

/* Without a lock, which another thread might hold when this one forks. */
static char *stack_take(void)
{
  for (int i = 0; i < STACKS; i++)
    if (!__atomic_exchange_n(&taken[i], true, __ATOMIC_ACQUIRE))
      return slab + (size_t)i * STACK_SIZE;
  return nullptr;
}

/*
 * Of one that came to its end, nothing is left on it: a word there would say that a call which a
 * jump left may return.
 */
static void stack_release(char *stack, bool scrub)
{
  if (stack && scrub)
    madvise(stack, STACK_SIZE, MADV_DONTNEED);
  if (stack)
    __atomic_store_n(&taken[(stack - slab) / STACK_SIZE], false, __ATOMIC_RELEASE);
}

/* ---- the switch by hand ---- */

__attribute__((naked, noinline)) void switch_stack(void **, void *)
{
  __asm__("pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
          "movq %rsp, (%rdi); movq %rsi, %rsp\n\t"
          "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret");
}

/* Calls the function in r12 with what is in rbx. */
__attribute__((naked, noinline)) static void first_frame(void)
{
  __asm__("movq %rbx, %rdi; call *%r12; ud2");
}

/* What switch_stack() takes for a suspended flow; `top` is aligned to 16. */
static void *first_stack(char *top, void (*function)(void *), void *argument)
{
  void **sp = (void **)top;
  *--sp = nullptr;
  *--sp = nullptr;
  *--sp = (void *)first_frame;
  *--sp = nullptr;
  *--sp = argument;
  *--sp = (void *)function;
  for (int i = 0; i < 3; i++)
    *--sp = nullptr;
  return sp;
}

/* ---- copies ---- */

/* The copy is nowhere else any more: stack_release() says why. */
static void place_clear(struct place *place)
{
  if (place->saved)
    explicit_bzero(place->saved, place->size);
  free(place->saved);
  place->saved = nullptr;
}

static void body(void *coroutine);

/*
 * On a stack of its own: saves what lies from from->sp to `until`, and puts back what lay there of
 * `to`. Without anything to put back, `to` begins below from->sp.
 */
static void exchange(void *argument)
{
  struct exchange *job = (struct exchange *)argument;
  struct place *from = job->from, *to = job->to;
  if (!to->sp) {
    job->begins->high = (char *)(((uintptr_t)from->sp - 256) & -16UL);
    to->sp = (char *)first_stack(job->begins->high, body, job->begins);
  } else {
    if (from->sp < job->until) {
      from->size = (size_t)(job->until - from->sp);
      from->saved = (char *)malloc(from->size);
      memcpy(from->saved, from->sp, from->size);
    }
    if (to->saved)
      memcpy(to->sp, to->saved, to->size);
    place_clear(to);
  }
  void *unused;
  switch_stack(&unused, to->sp);
}

static void copy_switch(struct coroutine *coroutine, struct place *from, struct place *to,
                        char *until)
{
  struct thread *thread = self();
  if (!thread->side_stack)
    thread->side_stack = (char *)malloc(SIDE_SIZE);
  thread->exchange = {from, to, until, coroutine};
  char *top = (char *)((uintptr_t)(thread->side_stack + SIDE_SIZE) & -16UL);
  switch_stack((void **)&from->sp, first_stack(top, exchange, &thread->exchange));
}

/* ---- all kinds ---- */

static void go_back(struct coroutine *c)
{
  c->running = false;
  switch (c->kind) {
  case CONTEXT:
    if (c->done && c->body->argument & 2)
      return; /* by uc_link */
    swapcontext(&c->context_place, &c->context_from);
    break;
  case SWITCH: switch_stack(&c->sp, c->sp_from); break;
  case SIGNAL:
    if (sigsetjmp(c->jump_place, 0) == 0)
      siglongjmp(c->jump_from, 1);
    break;
  default: copy_switch(c, &c->copied, &c->copied_from, c->done ? nullptr : c->high);
  }
}

static void body(void *argument)
{
  struct coroutine *c = (struct coroutine *)argument;
  children(c->body);
  c->done = true;
  go_back(c);
}

static void context_body(unsigned low, unsigned high)
{
  body((void *)((uintptr_t)high << 32 | low));
}

/* Comes again, by siglongjmp, when the coroutine begins. */
void coroutine_signal_handler(void)
{
  struct coroutine *c = self()->starting;
  if (sigsetjmp(c->jump_place, 0) == 0)
    return;
  body(context()->coroutine);
}

static void forget(struct coroutine *c)
{
  struct program *program = self()->program;
  struct coroutine **link = &program->coroutines;
  while (*link != c)
    link = &(*link)->next;
  *link = c->next;
  program->coroutine_count--;
  stack_release(c->stack, c->done);
  place_clear(&c->copied);
  place_clear(&c->copied_from);
  free(c);
}

static void go_on(struct coroutine *c)
{
  struct thread *thread = self();
  struct context *mine = thread->current;
  c->running = true;
  thread->current = &c->context;
  switch (c->kind) {
  case CONTEXT: swapcontext(&c->context_from, &c->context_place); break;
  case SWITCH: switch_stack(&c->sp_from, c->sp); break;
  case SIGNAL:
    if (sigsetjmp(c->jump_from, 0) == 0)
      siglongjmp(c->jump_place, 1);
    break;
  default: copy_switch(c, &c->copied_from, &c->copied, c->high);
  }
  thread->current = mine;
  if (c->done)
    forget(c);
}

/* Can a flow leave its stack, or its part of the thread's? */
static bool can_copy(const struct thread *thread)
{
  return thread->current == &thread->own;
}

void coroutine_begin(const struct node *node)
{
  struct thread *thread = self();
  struct program *program = thread->program;
  enum kind kind = (enum kind)node->kind;
  if (thread->current->now.alternate || program->coroutine_count == COROUTINES_MAX)
    return;
  if ((kind == COPY && !can_copy(thread)) || (kind == SIGNAL && thread->stepping))
    kind = SWITCH;
  char *stack = kind == COPY ? nullptr : stack_take();
  if (kind != COPY && !stack)
    return;
  struct coroutine *c = (struct coroutine *)calloc(1, sizeof *c);
  c->kind = kind;
  c->body = node;
  c->stack = stack;
  c->thread = thread;
  context_clear(&c->context);
  c->context.coroutine = c;
  c->next = program->coroutines;
  program->coroutines = c;
  program->coroutine_count++;
  if (kind == CONTEXT) {
    getcontext(&c->context_place);
    c->context_place.uc_stack.ss_sp = stack;
    c->context_place.uc_stack.ss_size = STACK_SIZE;
    c->context_place.uc_link = &c->context_from;
    makecontext(&c->context_place, (void (*)(void))context_body, 2, (unsigned)(uintptr_t)c,
                (unsigned)((uintptr_t)c >> 32));
  } else if (kind == SWITCH)
    c->sp = first_stack(stack + STACK_SIZE, body, c);
  else if (kind == SIGNAL) {
    stack_t mine = {}, before;
    mine.ss_sp = stack;
    mine.ss_size = STACK_SIZE;
    CHECK(sigaltstack(&mine, &before) == 0);
    thread->starting = c;
    pthread_kill(pthread_self(), SIGURG);
    CHECK(sigaltstack(&before, nullptr) == 0);
  }
  go_on(c);
}

void coroutine_yield(void)
{
  struct context *now = context();
  if (now->coroutine && !now->stuck && !now->now.alternate)
    go_back(now->coroutine);
}

/* A copy goes back to where it was made. Unseen switches lead to other threads if asked to. */
static bool is_bound(const struct coroutine *c)
{
  return c->kind == COPY || (c->kind != CONTEXT && !coroutines_move);
}

static bool can_go_on(const struct coroutine *c, const struct thread *thread)
{
  return !c->running && (!is_bound(c) || c->thread == thread) &&
         (c->kind != COPY || can_copy(thread));
}

static struct coroutine *suspended(unsigned which)
{
  struct thread *thread = self();
  unsigned count = 0;
  for (struct coroutine *c = thread->program->coroutines; c; c = c->next)
    count += can_go_on(c, thread);
  if (count == 0 || thread->current->now.alternate)
    return nullptr;
  which %= count;
  for (struct coroutine *c = thread->program->coroutines;; c = c->next)
    if (can_go_on(c, thread) && which-- == 0)
      return c;
}

void coroutine_resume(unsigned which)
{
  struct coroutine *c = suspended(which);
  if (c)
    go_on(c);
}

/* What it was inside of never ends: a patch may stay for good. */
static void lose(struct coroutine *c)
{
  __atomic_fetch_add(&report->forgotten, 1, __ATOMIC_RELAXED);
  forget(c);
}

void coroutine_forget(unsigned which)
{
  struct coroutine *c = suspended(which);
  if (c)
    lose(c);
}

void coroutines_drain(bool all)
{
  for (bool found = true; found;) {
    found = false;
    struct thread *thread = self();
    for (struct coroutine *c = thread->program->coroutines; c && !found; c = c->next)
      if (can_go_on(c, thread) && (all || is_bound(c))) {
        found = true;
        go_on(c);
      }
  }
}

void coroutines_abandon(void)
{
  struct thread *thread = self();
  for (struct coroutine *c = thread->program->coroutines, *next; c; c = next) {
    next = c->next;
    if (!c->running && is_bound(c) && c->thread == thread)
      lose(c);
  }
}
