/* EACH(M, x): M(x, 00) M(x, 01) … M(x, 77), in octal: 64 in all. */
#define EACH4(M, x, a) M(x, a##0) M(x, a##1) M(x, a##2) M(x, a##3)
#define EACH8(M, x, a) EACH4(M, x, a) M(x, a##4) M(x, a##5) M(x, a##6) M(x, a##7)
#define EACH32(M, x, a, b, c, d) EACH8(M, x, a) EACH8(M, x, b) EACH8(M, x, c) EACH8(M, x, d)
#define EACH(M, x) EACH32(M, x, 0, 1, 2, 3) EACH32(M, x, 4, 5, 6, 7)

#define GLUE(a, b) GLUED(a, b)
#define GLUED(a, b) a##b
