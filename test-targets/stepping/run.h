/*
 * One run: a new thread goes a *path* into the library and out again, step by step, and at one
 * boundary a signal handler does an *action*. Each action is done at every boundary of each path,
 * one a run.
 */
#ifndef RUN_H
#define RUN_H

#include <csetjmp>

#include "process.h"
#include "step.h"

struct Run;

struct Path {
  const char *name;
  int patches;      /* that are applied before: 0, 1 or 2 */
  bool has_dweller; /* another thread is inside since before them, so that old versions are kept */
  bool is_first;    /* of its thread, which has no slot yet */
  bool leaves_a_claim; /* an earlier call was left by a jump that nobody saw */
  bool changes;        /* a patch comes on the way */
  long (*go)(Run &);
  /* What has to be done before the thread is outside, however the path was left. */
  void (*finish)(Run &) = nullptr;
};

struct Action {
  const char *name;
  void (*act)(Run &);
  bool ends_thread;
  bool changes; /* has a patch applied or reverted, which takes long */
};

enum Stack { SAME, BELOW, ABOVE, STACKS }; /* the handler's */

struct Run {
  const Path *path;
  const Action *action;
  Stack stack;
  bool in_c;      /* acts in code of gcc's (run.cc: is_c), otherwise in what is written by hand */
  int want;       /* at the how manieth boundary there */
  int passed = 0; /* boundaries there until now */
  bool acted = false;
  bool skipped = false; /* no handler can come there */
  /* At the boundary: */
  uint64_t pc = 0;
  Region region = ELSEWHERE;
  Block found = {};
  bool called = false; /* the stepped call has called back */
  int before = 0;      /* the newest version when the run began */
  bool changes_in_callback = false;
  bool may_see_before = true, may_see_newest = true; /* what the stepped call may answer */
  bool is_child = false;                             /* of fork */
  bool cleaned_up = false; /* the thread ended, and destructors were run */
  sigjmp_buf home = {};
};
extern thread_local Run *the_run;

struct Thrown {
};

/* ---- paths.cc, actions.cc */
extern const Path paths[]; /* the last one has no name */
extern const Action actions[];

/* ---- run.cc */
void *run_thread(void *run);
/* A step of what is walked; gives false when stepping is over. */
bool visit(Stepping &, const Boundary &);
void in_callback(); /* of the stepped call */
long plain_call();  /* not stepped */
void expect(Run &, bool, const char *what, long value);

/* ---- program.cc */
extern int newest; /* version, which an outermost call must see */
extern int failures;
void change_to(int patches); /* by another process, at once */
void cancel(Run &);          /* this thread, by another one */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
