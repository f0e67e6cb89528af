#ifndef LIBRARY_H
#define LIBRARY_H

#include <complex.h>

#include "registers.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * By tail calls from one step to the next, through pointers: a relay of each library, and at the
 * end what the program has
 * to do inside of them all.
 */
struct relay {
  void (*const *next)(struct relay *);
};
void relay(struct relay *r);       /* library.c */
void more_relay(struct relay *r);  /* more.cc */
void third_relay(struct relay *r); /* third.c: a third live-patchable library */

/* library.c */
long value(void);
long value_twice(void);
void call(void (*callback)(void *), void *argument);
void tail_call(void (*callback)(void *), void *argument);
long tail_value(void);
long recurse(int depth, long (*again)(int));

/* more.cc: a second live-patchable library */
void more_call(void (*callback)(void *), void *argument);
long more_value(void);
void throw_value(void);
void call_and_clean(void (*callback)(void *), void *argument, int *cleaned);
void call_and_rethrow(void (*callback)(void *), void *argument);
long call_and_catch(void (*callback)(void *), void *argument);

#ifdef __cplusplus
}
#else
/* arguments-library.c, which is part of the first library */
struct big {
  long words[4];
};
struct mixed {
  long whole;
  double half;
};
long sum(int count, ...);
double sum_of_doubles(int count, ...);
double mix(int a, double b, long c, float d, long e, long f, long g, long h, double i);
struct big make_big(long x, struct big in);
struct mixed make_mixed(struct mixed in);
__int128 wide(__int128 x);
long double precise(long double x);
long double _Complex precise_complex(long double _Complex x);
float _Complex narrow_complex(float _Complex x);
void probe(void);
#endif

#endif
