/* 64 functions a library: entry n lies at n modulo 64. Octal, as the numbers are used as such. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#define EIGHT(F, p, h) \
  F(p, h##0) F(p, h##1) F(p, h##2) F(p, h##3) F(p, h##4) F(p, h##5) F(p, h##6) F(p, h##7)
#define EACH(F, p) \
  EIGHT(F, p, 0)   \
  EIGHT(F, p, 1)   \
  EIGHT(F, p, 2) EIGHT(F, p, 3) EIGHT(F, p, 4) EIGHT(F, p, 5) EIGHT(F, p, 6) EIGHT(F, p, 7)

/* Each kind of code: -O0, -Os, cold, behind an endbr64. */
#define ALL(F) EACH(F, plain_) EACH(F, small_) EACH(F, cold_) EACH(F, branch_)

enum { NEW = 0100 }; /* what a replaced function adds */

#endif
