/*
 * A case is a function that goes into the library and out of it in one particular way. program.c
 * runs the cases alone, suspended inside (hold), or all of them at random in several threads.
 *
 *   run      every case once, one after the other               -> results
 *   hold     every case in a thread of its own, up to hold()    -> "held"
 *   release  they go on to their end; their threads stay        -> results
 *   join     those threads end                                  -> "joined"
 *   start N  N threads run all the cases until they are told
 *   rounds   how often each case has been run at least          -> number
 *   stop     those threads end                                  -> "ok", or the first failure
 *
 * A result is NAME=INSIDE>AFTER: the version that the case saw inside the library (where it waited,
 * if it did), and the one that it saw in a new call at its end.
 */
#ifndef CASES_H
#define CASES_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct one_case {
  const char *name;
  void (*run)(void);
};

/* One run of a case; its other threads share it. */
struct trial {
  const struct one_case *which;
  long inside, after, held; /* held: what it saw where it waited */
  bool hold;                /* hold() is to wait, once */
  char failure[200];
};
extern __thread struct trial *trial;

#define EXPECT(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))
void fail(const char *file, int line, const char *what);

/* Called inside: all that is seen in one outermost call must be of one version. */
void see(void);
void saw(long version);
/* An outermost call begins, which may see another version than the one before. */
void outermost(void);
/* One outermost call, from outside. */
void glance(void);
/* Where the case waits for a patch to come or go. */
void hold(void);
/* see(), hold(), see(): a callback for call(). */
void inside(void *unused);
/* The last call of a case: not inside of anything any more. */
void after(void);
/* A thread that works for this case. Ends the test program when there can be none. */
pthread_t spawn(void *(*function)(void *), void *argument);
/* On this stack. */
pthread_t spawn_on(void *stack, size_t size, void *(*function)(void *), void *argument);
/* Calls function that many frames deeper. */
void deeper(int frames, void (*function)(void));

/* jumps.c: leaves a call so that nobody sees it; its claim stays. */
void leave_unseen(void);

/* Signals, and their handlers, which main installs: with SA_ONSTACK all but the first. */
enum {
  SIGNAL_PLAIN = SIGUSR1,
  SIGNAL_ALTERNATE = SIGUSR2,
  SIGNAL_REGISTERS = SIGURG,
  SIGNAL_JUMP = SIGIO,
  SIGNAL_STORM = SIGALRM
};
void handler(int signal);
void jumping_handler(int signal);
void registers_handler(int signal);
void storm_handler(int signal);

#define CASES(name) extern const struct one_case name[]
CASES(argument_cases);
CASES(calling_cases);
CASES(jump_cases);
CASES(ending_cases);
CASES(coroutine_cases);
CASES(handler_cases);
CASES(child_cases);
CASES(exception_cases);
CASES(switch_cases);

#ifdef __cplusplus
}
#endif

#endif
