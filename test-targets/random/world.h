/* What the files of the program share: contexts, threads, programs. See README.md. */
#ifndef WORLD_H
#define WORLD_H

#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "functions.h"

/* A scope that a jump can go to: a sigsetjmp, or a __builtin_setjmp. */
struct jump {
  struct jump *up;
  bool builtin;
  sigjmp_buf place;
  void *builtin_place[5];
};

/*
 * What one flow of control (a thread, a coroutine, a handler that came at any instruction) has seen
 * in its calls. owner: at which depth of calls the library was entered, 0 when the flow is outside
 * of it.
 */
struct view {
  unsigned owner[LIBRARIES];
  short seen[LIBRARIES][FUNCTIONS];
  unsigned patch_owner[PATCHES]; /* the same, for the libraries of the patch's scope together */
  short patch_seen[PATCHES];     /* is it seen? */
};

struct context {
  struct mark now;
  struct view view;
  int stuck;                   /* it must not yield */
  struct coroutine *coroutine; /* null: a thread's own, or a handler's */
};

struct stepping {
  long left, limit;
  const struct node *payload;
};

/* An exchange of stacks: see coroutines.cc. */
struct exchange {
  struct place *from, *to;
  char *until;
  struct coroutine *begins;
};

/* A thread of a program; its coroutines are the program's. */
struct thread {
  struct program *program;
  const struct node *body;
  bool is_first;
  struct context own, *current;
  struct stepping *stepping;
  const struct node *raised;
  struct coroutine *starting;
  struct exchange exchange;
  char *alternate, *side_stack;
};

struct program {
  uint64_t seed;
  const struct node *root;
  struct coroutine *coroutines;
  int coroutine_count;
  char *arena;
  size_t used;
};

/* In a file that the driver maps as well: it tells what ran when the process died. */
enum { WORKERS_MAX = 8, ALTERNATE_SIZE = 1 << 18 };
struct report {
  volatile uint64_t done;
  volatile uint64_t current[WORKERS_MAX];
  volatile uint64_t counts[32], forgotten;
  char message[512];
};
extern struct report *report;

/* Never inlined: a coroutine may find itself in another thread. */
extern "C" struct thread *self(void);
static inline struct context *context(void)
{
  return self()->current;
}

/* nodes.cc */
enum { ARENA = 1 << 18 };
bool weigh(const char *kind, unsigned weight);
void generate(struct program *program, uint64_t seed);
const char *parse(struct program *program, const char *text);
void print(const struct node *node);

/* views.cc */
void view_clear(struct view *view);
void view_leave(struct view *view, unsigned depth);
void context_clear(struct context *context);

/* program.cc */
void children(const struct node *node);
void run_thread(struct program *program, const struct node *body);

/* typed.cc */
void typed_call(const struct node *node);

/* handlers.cc */
void handlers_install(long storm_microseconds);
void raise_handler(const struct node *node);
void step(const struct node *node);
/* Calls into each library as a flow of its own. */
void glance(void);

/* coroutines.cc */
/* Do those of SWITCH and SIGNAL go on in other threads than their own as well? */
extern bool coroutines_move;
void coroutines_init(void);
void coroutine_begin(const struct node *node);
void coroutine_yield(void);
void coroutine_resume(unsigned which);
void coroutine_forget(unsigned which);
/* Those that are left go on to their end: all, or those that only this thread can. */
void coroutines_drain(bool all);
/* The thread ends before them: those that only it can go on with are forgotten. */
void coroutines_abandon(void);
void coroutine_signal_handler(void);
extern "C" void switch_stack(void **from, void *to);

#define CHECK(condition) ((condition) ? (void)0 : random_wrong("failed: " #condition, 0, 0))

#endif
