#ifndef LIBRARY_H
#define LIBRARY_H

long value(void);
/* Inside until a byte comes, which it returns. */
long wait_in_library(int fd);
long call(long (*callback)(void *), void *argument);
/* Inside, and running. */
void spin(volatile int *go_on);

#endif
