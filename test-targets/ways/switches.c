/*
 * Switches of stacks that nobody sees: by hand, as boost.context, libco and many interpreters
 * make them; by siglongjmp; and by copying stacks away and back, as greenlet does.
 */
#include "cases.h"
#include "library.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- by hand ---- */

enum { STACK_BYTES = 1 << 16 };

struct fiber {
  void *sp, *back; /* of the fiber, and of whoever has resumed it */
  void (*body)(struct fiber *);
  long version;
  char *stack;
};

__attribute__((naked, noinline)) static void change(void **from, void *to)
{
  (void)from, (void)to;
  __asm__("pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
          "movq %rsp, (%rdi); movq %rsi, %rsp\n\t"
          "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret");
}

static __thread struct fiber *starting;

static void first(void)
{
  struct fiber *f = starting;
  f->body(f);
  change(&f->sp, f->back);
  abort();
}

static struct fiber *fiber_on(char *stack, void (*body)(struct fiber *))
{
  struct fiber *f = calloc(1, sizeof *f);
  void **sp = (void **)(stack + STACK_BYTES - 64);
  *--sp = NULL;
  *--sp = (void *)first;
  for (int i = 0; i < 6; i++)
    *--sp = NULL;
  f->sp = sp;
  f->body = body;
  f->stack = stack;
  return f;
}

static struct fiber *fiber_new(void (*body)(struct fiber *))
{
  return fiber_on(aligned_alloc(4096, STACK_BYTES), body);
}

static void resume(struct fiber *f)
{
  starting = f;
  change(&f->back, f->sp);
}

static void fiber_free(struct fiber *f)
{
  free(f->stack);
  free(f);
}

static void look(struct fiber *f)
{
  const long now = value_twice();
  if (f->version == 0)
    f->version = now;
  EXPECT(f->version == now);
}

static void pause_in_fiber(void *argument)
{
  struct fiber *f = argument;
  look(f);
  change(&f->sp, f->back);
  look(f);
}

static void pause_nested(void *argument)
{
  call(pause_in_fiber, argument);
  look(argument);
}

static void stay_inside(struct fiber *f)
{
  call(pause_nested, f);
}

static void resume_inside(void *fiber)
{
  see();
  resume(fiber);
  see();
}

/* Suspended inside when the call that has begun it returns; the thread goes on outside. */
static void by_hand(void)
{
  struct fiber *f = fiber_new(stay_inside);
  call(resume_inside, f);
  hold();
  outermost();
  call(inside, NULL);
  resume(f);
  after();
  fiber_free(f);
}

/* Begun outside; and two of them, one of which ends first. */
static void by_hand_twice(void)
{
  struct fiber *f = fiber_new(stay_inside), *g = fiber_new(stay_inside);
  resume(f);
  hold();
  glance();
  resume(g);
  outermost();
  call(resume_inside, f);
  glance();
  resume(g);
  after();
  trial->inside = f->version;
  fiber_free(f);
  fiber_free(g);
}

/* Another one on the stack of one that has ended, word for word the same. */
static void by_hand_in_turn(void)
{
  char *stack = aligned_alloc(4096, STACK_BYTES);
  struct fiber *f = fiber_on(stack, stay_inside);
  resume(f);
  hold();
  resume(f);
  struct fiber *g = fiber_on(stack, stay_inside);
  resume(g);
  glance();
  resume(g);
  after();
  trial->inside = f->version;
  free(f);
  fiber_free(g);
}

/* Ends in another thread, which nobody sees either: what it would see there is not said. */
static void pause_blindly(void *argument)
{
  struct fiber *f = argument;
  look(f);
  change(&f->sp, f->back);
}

static void stay_blindly(struct fiber *f)
{
  call(pause_blindly, f);
}

static void *resume_there(void *fiber)
{
  glance();
  resume(fiber);
  return NULL;
}

static void by_hand_elsewhere(void)
{
  struct fiber *f = fiber_new(stay_blindly);
  resume(f);
  trial->inside = f->version;
  hold();
  pthread_join(spawn(resume_there, f), NULL);
  after();
  trial->inside = f->version;
  fiber_free(f);
}

/* A child is born on the stack of one, inside. */
static void fork_in_fiber(void *argument)
{
  struct fiber *f = argument;
  int status = -1;
  look(f);
  change(&f->sp, f->back);
  pid_t child = fork();
  if (child == 0) {
    look(f);
    change(&f->sp, f->back);
  }
  EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 46);
  look(f);
}

static void stay_and_fork(struct fiber *f)
{
  call(fork_in_fiber, f);
}

static void by_hand_fork(void)
{
  struct fiber *f = fiber_new(stay_and_fork);
  const pid_t parent = getpid();
  resume(f);
  hold();
  glance();
  resume(f);
  if (getpid() != parent) { /* suspended in the child as well */
    glance();
    _exit(trial->failure[0] ? 1 : 46);
  }
  after();
  trial->inside = f->version;
  fiber_free(f);
}

/* ---- by siglongjmp ---- */

static __thread sigjmp_buf inside_fiber, outside_fiber;

static void leap_out_and_in(void *argument)
{
  look(argument);
  if (sigsetjmp(inside_fiber, 0) == 0)
    siglongjmp(outside_fiber, 1);
  look(argument);
}

static void stay_and_leap(struct fiber *f)
{
  call(leap_out_and_in, f);
  siglongjmp(outside_fiber, 1);
}

static void by_jump(void)
{
  struct fiber *f = fiber_new(stay_and_leap);
  if (sigsetjmp(outside_fiber, 0) == 0)
    resume(f);
  hold();
  glance();
  if (sigsetjmp(outside_fiber, 0) == 0)
    siglongjmp(inside_fiber, 1);
  after();
  trial->inside = f->version;
  fiber_free(f);
}

/* ---- by copying ---- */

/*
 * Runs on the thread's own stack, below `base`; what it has there is in `saved` while it does
 * not.
 */
struct greenlet {
  char *sp, *base, *saved;
  size_t size;
  long version;
};
static __thread struct greenlet root, green;

__attribute__((used)) static void copy_away(struct greenlet *from)
{
  from->size = from->sp < green.base ? (size_t)(green.base - from->sp) : 0;
  from->saved = malloc(from->size + 1);
  memcpy(from->saved, from->sp, from->size);
}

__attribute__((used)) static void copy_back(struct greenlet *to)
{
  memcpy(to->sp, to->saved, to->size);
  memset(to->saved, 0, to->size); /* it is nowhere else any more */
  free(to->saved);
}

__attribute__((naked, noinline)) static void exchange(struct greenlet *from, struct greenlet *to)
{
  (void)from, (void)to;
  __asm__("pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
          "movq %rsp, (%rdi); movq %rsi, %r12; movq %rsp, %rbp\n\t"
          "andq $-16, %rsp; call copy_away\n\t"
          "movq (%r12), %rsp; subq $8192, %rsp; andq $-16, %rsp\n\t"
          "movq %r12, %rdi; call copy_back\n\t"
          "movq (%r12), %rsp\n\t"
          "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; ret");
}

/* Begins `body` below here, and comes back when that is exchanged for the root. */
__attribute__((naked, noinline)) static void begin(struct greenlet *from, void (*body)(void),
                                                   char **base)
{
  (void)from, (void)body, (void)base;
  __asm__("pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n\t"
          "movq %rsp, (%rdi)\n\t"
          "subq $256, %rsp; andq $-16, %rsp; movq %rsp, (%rdx)\n\t"
          "pushq $0; pushq $0; call *%rsi; ud2");
}

static void look_green(void)
{
  const long now = value_twice();
  if (green.version == 0)
    green.version = now;
  EXPECT(green.version == now);
}

static void pause_green(void *unused)
{
  (void)unused;
  look_green();
  exchange(&green, &root);
  look_green();
}

static void green_body(void)
{
  call(pause_green, NULL);
  exchange(&green, &root);
  abort();
}

static void *on_own_stack(void *unused)
{
  root = green = (struct greenlet){0};
  root.saved = malloc(1);
  begin(&root, green_body, &green.base);
  hold();
  outermost();
  deeper(6, glance); /* over the words that are in the heap now */
  call(inside, NULL);
  exchange(&root, &green);
  free(green.saved);
  glance();
  after();
  trial->inside = green.version;
  return unused;
}

static void by_copying(void)
{
  pthread_join(spawn(on_own_stack, NULL), NULL);
}

/* The thread ends, and a part of its stack is in the heap. */
static void *leave_copied(void *saved)
{
  root = green = (struct greenlet){0};
  root.saved = malloc(1);
  begin(&root, green_body, &green.base);
  trial->inside = green.version;
  hold();
  glance();
  *(char **)saved = green.saved;
  trial->inside = green.version;
  return NULL;
}

static void by_copying_forsaken(void)
{
  char *saved = NULL;
  pthread_join(spawn(leave_copied, &saved), NULL);
  after();
  free(saved);
}

const struct one_case switch_cases[] = {
    {"switch-by-hand", by_hand},
    {"switch-by-hand-twice", by_hand_twice},
    {"switch-by-hand-in-turn", by_hand_in_turn},
    {"switch-by-jump", by_jump},
    {"switch-by-hand-elsewhere", by_hand_elsewhere},
    {"switch-by-hand-fork", by_hand_fork},
    {"switch-by-copying", by_copying},
    {"switch-by-copying-forsaken", by_copying_forsaken},
    {NULL, NULL},
};
