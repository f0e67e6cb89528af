/* Calls that block for about ten seconds; blocked.c runs them. */
#ifndef BLOCKED_H
#define BLOCKED_H

#include <sys/time.h>
#include <time.h>

/* Until the call times out, or another process ends it. */
static const struct timespec period = {10, 0};
static const struct timeval period_us = {10, 0};
enum { PERIOD_MS = 10000 };

struct call {
  const char *name;
  long (*run)(void); /* in several threads at once */
};
#define CALL(name) {#name, do_##name}

/* What a call returns that this kernel does not offer. */
enum { NOT_HERE = -77 };

/* The rest of signal(7)'s, and others; each ends with no name. */
extern const struct call more_calls[], rest_calls[];

/* Another process does `end(of)` when the period is over. */
void later(void (*end)(int of), int of);
/* Writes a byte: an end for later(). */
void give(int fd);

/* What calls need, in blocked-more.c. */
void require(int holds);
struct timespec end_of_period(clockid_t clock);
/* The end of a pipe that takes no more, until much is read from it when the period is over. */
int full_pipe(void);

#endif
