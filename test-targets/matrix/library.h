/* What the library of the link matrix offers: each kind of symbol once. */
#ifndef LIBRARY_H
#define LIBRARY_H

typedef int op(int);

/* Where the functions that were called return to: a traced one returns to libpulp.so. */
struct record {
  int count;
  void *to[32];
};

/* x + 1, x + 2, … */
op f_default, f_alias, f_weak, f_protected, f_cold, f_versioned, f_ifunc;

int f_many(int a, int b, int c, int d, int e, int f, int g, int h, double x, ...);
int call_back(op *callback, int x);
/* Calls each of the above from inside; the sum of what they give. */
int nested(int x);
int set_record(struct record *record);

enum pointed { DEFAULT, ALIAS, WEAK, PROTECTED, HIDDEN, INTERNAL, IFUNC, POINTED };
/*
 * As code of the library takes them, as a table that only it sees has them, and as one that all
 * see.
 */
op *pointer_to(int which);
op *from_table(int which);
extern op *const exported_table[POINTED];

#endif
