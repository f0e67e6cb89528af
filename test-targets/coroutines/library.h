#ifndef LIBRARY_H
#define LIBRARY_H

#ifdef __cplusplus
extern "C" {
#endif

long value(void);
/* Calls back. Gives the version, or -1 when it was not the same before and after. */
long run(void (*callback)(void *), void *argument);

#ifdef __cplusplus
}
#endif

#endif
