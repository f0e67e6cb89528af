/*
 * Stepping through a call, one instruction at a time, in the thread itself: by the processor's trap
 * flag.
 */
#ifndef STEP_H
#define STEP_H

#include <cstdint>

#include "library.h"

/* One instruction boundary, seen from a signal handler that stands there. */
struct Boundary {
  uint64_t pc;
  bool blocked; /* every signal is blocked there: only this test can stand there */
};

struct Stepping {
  /* At each boundary outside of this program, in the handler. @returns whether to go on stepping */
  bool (*visit)(Stepping &, const Boundary &);
  Stepping *outer = nullptr; /* that a handler has interrupted */
};

void step_init();
/* function(callback), stepped. What leaves it by a jump or a throw calls step_forget. */
long stepped(Stepping &, versioned_fn *function, callback_fn *callback);
void step_forget();
/* How many are under way in this thread, one interrupted by the other. */
int step_depth();

#endif
