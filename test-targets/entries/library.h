#ifndef LIBRARY_H
#define LIBRARY_H

long value(void);
long tail(long x);
long tail_target(long x);
void call(void (*callback)(void));

#endif
