/* NUMBER: 2 or more. It calls the library's functions by their own names, as any patch does. */
#include "library.h"

long new_version(void);
versioned_fn new_twice, new_tail;

VERSION(new_version, new_twice, new_tail, NUMBER)
