/*
 * The longjmp family, and a jump that nobody can interpose: out of the library, then into it anew
 * at the same, a shallower and a deeper place of the stack; and within the library.
 */
#include "cases.h"
#include "library.h"

#include <setjmp.h>

void __longjmp_chk(jmp_buf place, int value) __attribute__((noreturn));

enum { DEPTH = 2, SHALLOWER = 0, DEEPER = 6 };

struct jump {
  void (*leap)(struct jump *);
  sigjmp_buf place;
  void *builtin_place[5];
};
static __thread struct jump *jump;

static void leap_longjmp(struct jump *j)
{
  longjmp(j->place, 1);
}
static void leap__longjmp(struct jump *j)
{
  _longjmp(j->place, 1);
}
static void leap_siglongjmp(struct jump *j)
{
  siglongjmp(j->place, 1);
}
static void leap_checked(struct jump *j)
{
  __longjmp_chk(j->place, 1);
}
static void leap_builtin(struct jump *j)
{
  __builtin_longjmp(j->builtin_place, 1);
}

static void leave(void *unused)
{
  inside(unused);
  jump->leap(jump);
}

static void enter_and_leave(void)
{
  call(leave, NULL);
  EXPECT(!"came back from a jump");
}

static void note_after(void)
{
  after();
}

/* noinline: setjmp's frame stays the shallowest. */
static __attribute__((noinline)) void out(void (*leap)(struct jump *), int depth_after)
{
  struct jump mine = {.leap = leap};
  jump = &mine;
  if (leap == leap_builtin) {
    if (__builtin_setjmp(mine.builtin_place) == 0)
      deeper(DEPTH, enter_and_leave);
  } else if (sigsetjmp(mine.place, 1) == 0)
    deeper(DEPTH, enter_and_leave);
  deeper(depth_after, note_after);
  if (leap == leap_builtin)
    /* from deeper, a call that nobody saw being left is not recognised: see docs/limits.md */
    value();
}

#define OUT(name, leap)              \
  static void name##_same(void)      \
  {                                  \
    out(leap, DEPTH);                \
  }                                  \
  static void name##_shallower(void) \
  {                                  \
    out(leap, SHALLOWER);            \
  }                                  \
  static void name##_deeper(void)    \
  {                                  \
    out(leap, DEEPER);               \
  }
OUT(longjmp, leap_longjmp)
OUT(_longjmp, leap__longjmp)
OUT(siglongjmp, leap_siglongjmp)
OUT(checked, leap_checked)
OUT(builtin, leap_builtin)

__attribute__((noinline)) void leave_unseen(void)
{
  struct jump mine = {.leap = leap_builtin};
  jump = &mine;
  if (__builtin_setjmp(mine.builtin_place) == 0)
    deeper(DEPTH, enter_and_leave);
}

/* To a frame that is inside itself: the outermost call goes on, with its version. */
static void jump_in_callback(void *unused)
{
  struct jump mine = {.leap = leap_longjmp};
  see();
  jump = &mine;
  if (sigsetjmp(mine.place, 1) == 0)
    deeper(DEPTH, enter_and_leave);
  see();
  more_call(inside, unused);
}

static void within(void)
{
  call(jump_in_callback, NULL);
  after();
}

/* Out of the second library, but not out of the first. */
static void leave_second(void)
{
  more_call(leave, NULL);
}

static void jump_from_second(void *unused)
{
  struct jump mine = {.leap = leap_longjmp};
  (void)unused;
  see();
  jump = &mine;
  if (sigsetjmp(mine.place, 1) == 0)
    deeper(DEPTH, leave_second);
  see();
}

static void out_of_second(void)
{
  call(jump_from_second, NULL);
  after();
}

static void thrice(void)
{
  for (int i = 0; i < 3; i++) {
    outermost();
    out(leap_longjmp, DEEPER);
  }
}

/*
 * Out of a handler on a stack of its own: out of everything, or back to where it was raised,
 * inside.
 */
void jumping_handler(int signal)
{
  (void)signal;
  see();
  jump->leap(jump);
}

static void raise_jump(void *unused)
{
  inside(unused);
  pthread_kill(pthread_self(), SIGNAL_JUMP);
}

static void raise_and_stay(void *unused)
{
  struct jump mine = {.leap = leap_siglongjmp};
  see();
  jump = &mine;
  if (sigsetjmp(mine.place, 1) == 0)
    pthread_kill(pthread_self(), SIGNAL_JUMP);
  inside(unused);
}

static void *with_alternate_stack(void *way)
{
  static const size_t size = 1 << 16;
  char *room = __builtin_alloca(size);
  stack_t alternate = {.ss_sp = room, .ss_size = size}, none = {.ss_flags = SS_DISABLE};
  struct jump mine = {.leap = leap_siglongjmp};
  sigaltstack(&alternate, NULL);
  jump = &mine;
  if (sigsetjmp(mine.place, 1) == 0)
    call((void (*)(void *))way, NULL);
  deeper(DEEPER, note_after);
  sigaltstack(&none, NULL);
  return NULL;
}

static void out_of_handler(void)
{
  pthread_join(spawn(with_alternate_stack, (void *)raise_jump), NULL);
}

static void from_handler_within(void)
{
  pthread_join(spawn(with_alternate_stack, (void *)raise_and_stay), NULL);
}

#define THREE(title, name)                                              \
  {title "-same", name##_same}, {title "-shallower", name##_shallower}, \
  {                                                                     \
    title "-deeper", name##_deeper                                      \
  }

const struct one_case jump_cases[] = {
    THREE("longjmp", longjmp),
    THREE("_longjmp", _longjmp),
    THREE("siglongjmp", siglongjmp),
    THREE("__longjmp_chk", checked),
    THREE("builtin-longjmp", builtin),
    {"jump-within", within},
    {"jump-out-of-second", out_of_second},
    {"jump-thrice", thrice},
    {"jump-out-of-handler", out_of_handler},
    {"jump-from-handler-within", from_handler_within},
    {NULL, NULL},
};
