/* EACH(M, x): M(x, 00) M(x, 01) … M(x, 77), in octal: 64 in all. */
#define EACH8(M, x, a) M(x, a##0) M(x, a##1) M(x, a##2) M(x, a##3) M(x, a##4) M(x, a##5) M(x, a##6) M(x, a##7)
#define EACH(M, x)                                                                               \
  EACH8(M, x, 0) EACH8(M, x, 1) EACH8(M, x, 2) EACH8(M, x, 3)                                      \
  EACH8(M, x, 4) EACH8(M, x, 5) EACH8(M, x, 6) EACH8(M, x, 7)

#define GLUE(a, b) GLUED(a, b)
#define GLUED(a, b) a##b
