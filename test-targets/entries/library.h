#ifndef LIBRARY_H
#define LIBRARY_H

struct big {
  long words[4];
};

long value(void);
long sum(int count, ...);
double mix(int a, double b, long c, float d, long e, long f, long g, long h, double i);
struct big make_big(long x, struct big in);
long double precise(long double x);
long recurse(int depth, long (*again)(int));
long tail(long x);
long tail_target(long x);
void call(void (*callback)(void));

#endif
