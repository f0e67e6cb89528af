/* What the libraries, their patches and the program of the random programs share. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

enum { LIBRARIES = 3, STEPS = 4, PATCHES = 5 };

/* Functions that every library has. */
enum function {
  F_step0,
  F_step1,
  F_step2,
  F_step3,
  F_w0,
  F_w1,
  F_w2,
  F_w3,
  F_w4,
  F_mixed,
  F_big,
  F_pair,
  F_wide,
  F_precise,
  F_vector,
  F_avx,
  F_sum,
  FUNCTIONS
};

/*
 * What a node of a program says to do, and how often it is drawn. The names are those of the text,
 * see nodes.cc.
 *
 *   CALL TAIL TYPED           into a library: by a call; as a library's last act, by a sibling
 *                             call; with other arguments
 *   BACK TAILBACK             back into the program, likewise
 *   CATCH THROW SCOPE JUMP    ways out: a scope that catches, and what leaves it
 *   PLAIN ALTERNATE STEP      handlers: on the stack; on the alternate one; at the ARG-th
 *                             instruction of the first child
 *   CONTEXT SWITCH SIGNAL     coroutines of each kind begin,
 *   COPY
 *   YIELD RESUME FORGET       the one that runs yields; one goes on; one is forgotten
 *   THREAD CANCEL EXIT FORK   threads, processes
 *   CHANGE                    a patch comes or goes
 */
#define KINDS(K)  \
  K(CALL, 24)     \
  K(TAIL, 18)     \
  K(TYPED, 6)     \
  K(BACK, 8)      \
  K(TAILBACK, 7)  \
  K(CATCH, 5)     \
  K(THROW, 4)     \
  K(SCOPE, 5)     \
  K(JUMP, 4)      \
  K(PLAIN, 3)     \
  K(ALTERNATE, 4) \
  K(STEP, 4)      \
  K(CONTEXT, 4)   \
  K(SWITCH, 4)    \
  K(SIGNAL, 3)    \
  K(COPY, 3)      \
  K(YIELD, 12)    \
  K(RESUME, 9)    \
  K(FORGET, 1)    \
  K(THREAD, 4)    \
  K(CANCEL, 2)    \
  K(EXIT, 1)      \
  K(FORK, 1)      \
  K(CHANGE, 0)

enum kind {
#define K(name, weight) name,
  KINDS(K)
#undef K
      KIND_COUNT
};

struct node {
  unsigned char kind, library, function, argument;
  const struct node *children, *next;
};

typedef long step_function(const struct node *);

typedef float vector __attribute__((vector_size(16)));
typedef double avx_vector __attribute__((vector_size(32)));
struct big {
  long words[4];
};
struct pair {
  long whole;
  double half;
};

/* What a frame of the program's control flow restores when something has jumped or thrown to it. */
struct mark {
  unsigned depth, catches;
  struct jump *jump;
  bool alternate, cancellable;
};

struct thrown {
};

extern "C" {
/* Of the program, for the libraries: a function of this version runs. */
void random_saw(int library, int function, int version);
/*
 * A call begins that returns to where it was called; it has returned, or something came here
 * instead.
 */
struct mark random_begin(void);
void random_end(const struct mark *mark);
/* Between the two: what is thrown is caught here. */
void random_catches(void);
[[noreturn]] void random_wrong(const char *what, long a, long b);
/* The result that a step must give. */
long random_expected(const struct node *node);
/* The program does what the node says; or its children, the last one perhaps by a sibling call. */
void random_do(const struct node *node);
long random_back(const struct node *node);
extern step_function *random_steps[LIBRARIES][STEPS];

#define DECLARE(l)                                                                                 \
  void l##_w0(void);                                                                               \
  void l##_w1(void);                                                                               \
  void l##_w2(void);                                                                               \
  void l##_w3(void);                                                                               \
  void l##_w4(void);                                                                               \
  long l##_step0(const struct node *);                                                             \
  long l##_step1(const struct node *);                                                             \
  long l##_step2(const struct node *);                                                             \
  long l##_step3(const struct node *);                                                             \
  double l##_mixed(const struct node *, int, double, long, float, long, long, long, long, double); \
  struct big l##_big(const struct node *, struct big);                                             \
  struct pair l##_pair(const struct node *, struct pair);                                          \
  __int128 l##_wide(const struct node *, __int128);                                                \
  long double l##_precise(const struct node *, long double);                                       \
  vector l##_vector(const struct node *, vector);                                                  \
  avx_vector l##_avx(const struct node *, avx_vector);                                             \
  double l##_sum(const struct node *, int, ...);
DECLARE(a)
DECLARE(b)
DECLARE(c)
}

#endif
