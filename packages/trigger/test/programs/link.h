/* A chain of calls: each goes on with the first one of the rest. */
#ifndef LINK_H
#define LINK_H

struct rest;
typedef int link_fn(const struct rest *rest);
struct rest {
  link_fn *first;
};

int link_on(const struct rest *rest);

#endif
