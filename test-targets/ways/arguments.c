/* Every class of argument and result, through each of the ways into a library. */
#include "cases.h"
#include "library.h"

#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

__thread struct registers *probe_found, *probe_results;

/*
 * What libpulp.so calls in C at a thread's first entry may use every vector register there is. This
 * one does: all of them are cleared.
 */
int pthread_setspecific(pthread_key_t key, const void *value)
{
  static __thread unsigned char cleared[4096] __attribute__((aligned(64)));
  int (*real)(pthread_key_t, const void *) =
      (int (*)(pthread_key_t, const void *))dlsym(RTLD_NEXT, "pthread_setspecific");
  const uint32_t mxcsr = 0x1f80;
  memcpy(cleared + 24, &mxcsr, sizeof mxcsr);
  __asm__ volatile("xrstor %0" ::"m"(cleared), "a"(0xe7), "d"(0) : "memory");
  return real(key, value);
}

/* ---- all registers ---- */

enum { GPRS = 14, RBX = 1, RBP = 6, R12 = 10, LEGACY_BYTES = 416, DIRECTION = 0x400 };
enum { ALL_STATES = 0xe7 }; /* x87, SSE, AVX, and AVX-512's three */

static uint64_t states_here(void)
{
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low & ALL_STATES;
}

/* Where a state lies in an XSAVE area that is not compacted. */
static void place_of(int state, uint32_t *offset, uint32_t *size)
{
  uint32_t c, d;
  __cpuid_count(0xd, state, *size, *offset, c, d);
  (void)c, (void)d;
}

static void fill(struct registers *r, uint64_t seed)
{
  memset(r, 0, sizeof *r);
  r->mask = states_here();
  for (int i = 0; i < GPRS; i++)
    r->gpr[i] = seed * 0x0101010101010101 + (uint64_t)i;
  for (int i = 0; i < STACK_WORDS; i++)
    r->stack[i] = seed * 0x1111 + (uint64_t)i;
  unsigned char *v = r->vectors;
  uint16_t control = 0x0f7f; /* rounds to zero */
  uint32_t mxcsr = 0x7f80;   /* the same */
  memcpy(v, &control, 2);
  memcpy(v + 24, &mxcsr, 4);
  memset(v + 160, (int)seed, 256); /* xmm */
  memcpy(v + 512, &r->mask, 8);
  for (int state = 2; state < 8; state++) {
    uint32_t offset, size;
    if (!(r->mask >> state & 1))
      continue;
    place_of(state, &offset, &size);
    for (uint32_t i = 0; i < size; i++)
      v[offset + i] = (unsigned char)(seed + i);
  }
}

/* Two numbers on the x87 stack: a complex long double is returned so. */
static void fill_x87(struct registers *r)
{
  const long double st[2] = {1.25L, -3.5L};
  uint16_t status = 6 << 11; /* top of stack */
  r->vectors[4] = 0xc0;      /* abridged tags: registers 6 and 7 are in use */
  memcpy(r->vectors + 2, &status, 2);
  for (int i = 0; i < 2; i++)
    memcpy(r->vectors + 32 + 16 * i, &st[i], 10);
}

static bool same_vectors(const struct registers *a, const struct registers *b)
{
  /* x87 control, status and tags; not its last instruction; mxcsr; st and xmm. */
  if (memcmp(a->vectors, b->vectors, 5) != 0 || memcmp(a->vectors + 24, b->vectors + 24, 4) != 0 ||
      memcmp(a->vectors + 32, b->vectors + 32, LEGACY_BYTES - 32) != 0)
    return false;
  for (int state = 2; state < 8; state++) {
    uint32_t offset, size;
    if (!(a->mask >> state & 1))
      continue;
    place_of(state, &offset, &size);
    if (memcmp(a->vectors + offset, b->vectors + offset, size) != 0)
      return false;
  }
  return true;
}

enum { XMM5 = 160 + 5 * 16 };

static void registers(void)
{
  struct registers in, found, results, out;
  fill(&in, 0x21);
  fill(&results, 0x43);
  fill_x87(&results);
  memset(&found, 0, sizeof found);
  memset(&out, 0, sizeof out);
  found.mask = out.mask = in.mask;
  probe_found = &found;
  probe_results = &results;
  registers_call(&in, &out, probe);

  saw((long)found.version);
  EXPECT(memcmp(found.gpr, in.gpr, sizeof in.gpr) == 0);
  EXPECT(memcmp(found.stack, in.stack, sizeof in.stack) == 0);
  EXPECT(memcmp(out.stack, in.stack, sizeof in.stack) == 0);
  EXPECT(same_vectors(&found, &in));
  memcpy(out.vectors + XMM5, results.vectors + XMM5, 16); /* no result: a return slot uses it */
  EXPECT(same_vectors(&out, &results));
  EXPECT(!(found.flags & DIRECTION) && !(out.flags & DIRECTION));
  for (int i = 0; i < GPRS; i++) {
    bool kept = i == RBX || i == RBP || i >= R12;
    EXPECT(out.gpr[i] == (kept ? in.gpr[i] : results.gpr[i]));
  }
}

static void registers_outermost(void)
{
  registers();
  after();
}

static void nested(void *unused)
{
  (void)unused;
  registers();
  hold();
  registers();
}

static void registers_nested(void)
{
  call(nested, NULL);
  after();
}

static void *first_call(void *unused)
{
  registers(); /* acquires a return slot */
  outermost();
  registers();
  return unused;
}

static void registers_first(void)
{
  pthread_join(spawn(first_call, NULL), NULL);
  outermost();
  registers();
  after();
}

/* A handler whose stack lies above the claim, so that its entries go through ulp_special. */
void registers_handler(int signal)
{
  (void)signal;
  registers();
}

static void raise_above(void *unused)
{
  registers();
  pthread_kill(pthread_self(), SIGNAL_REGISTERS);
  nested(unused);
}

static void *below_its_handlers(void *above)
{
  stack_t alternate = {.ss_sp = above, .ss_size = 1 << 18}, none = {.ss_flags = SS_DISABLE};
  sigaltstack(&alternate, NULL);
  call(raise_above, NULL);
  sigaltstack(&none, NULL);
  return NULL;
}

static void registers_above(void)
{
  enum { HALF = 1 << 18 };
  char *room = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_join(spawn_on(room, HALF, below_its_handlers, room + HALF), NULL);
  munmap(room, 2 * HALF);
  after();
}

/* ---- as C sees it ---- */

static void shapes(void *unused)
{
  (void)unused;
  long v = value();
  saw(v);
  struct big big = make_big(7, (struct big){{1, 2, 3, 4}});
  struct mixed mixed = make_mixed((struct mixed){5, 0.25});
  long double _Complex precise2 = precise_complex(1.5L + 2.5L * I);
  float _Complex narrow2 = narrow_complex(1.5F + 2.5F * I);
  EXPECT(sum(3, 1, 2, 3) == v * 1000 + 6);
  EXPECT(sum(9, 1, 2, 3, 4, 5, 6, 7, 8, 9) == v * 1000 + 45);
  EXPECT(sum_of_doubles(10, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10.) == (double)v * 1000 + 55);
  EXPECT(mix(1, 0.25, 2, 0.5F, 3, 4, 5, 6, 0.125) == (double)v * 1000 + 21.875);
  EXPECT(big.words[0] == 7 && big.words[1] == 2 && big.words[2] == 3 &&
         big.words[3] == v * 1000 + 3);
  EXPECT(mixed.whole == v * 1000 + 5 && mixed.half == 0.5);
  EXPECT(wide((__int128)1 << 100) == ((__int128)1 << 100) + v);
  EXPECT(precise(0.5L) == 0.5L + (long double)v);
  EXPECT(creall(precise2) == 3.0L + (long double)v && cimagl(precise2) == 5.0L);
  EXPECT(crealf(narrow2) == 3.0F + (float)v && cimagf(narrow2) == 5.0F);
}

static void shapes_nested(void)
{
  call(shapes, NULL);
  outermost();
  call(inside, NULL);
  after();
}

static void shapes_outermost(void)
{
  long v = sum(2, 1, 2);
  saw(v / 1000);
  EXPECT(v % 1000 == 3);
  outermost();
  v = (long)sum_of_doubles(1, 4.);
  saw(v / 1000);
  outermost();
  struct big big = make_big(7, (struct big){{1, 2, 3, 4}});
  saw(big.words[3] / 1000);
  EXPECT(big.words[0] == 7 && big.words[3] % 1000 == 3);
  outermost();
  struct mixed mixed = make_mixed((struct mixed){5, 0.25});
  saw(mixed.whole / 1000);
  EXPECT(mixed.half == 0.5);
  outermost();
  saw((long)(wide((__int128)1 << 100) - ((__int128)1 << 100)));
  outermost();
  saw((long)precise(0.5L));
  outermost();
  long double _Complex z = precise_complex(1.5L + 2.5L * I);
  saw((long)creall(z) - 3);
  EXPECT(cimagl(z) == 5.0L);
  after();
}

const struct one_case argument_cases[] = {
    {"registers-outermost", registers_outermost},
    {"registers-nested", registers_nested},
    {"registers-first", registers_first},
    {"registers-above", registers_above},
    {"shapes-outermost", shapes_outermost},
    {"shapes-nested", shapes_nested},
    {NULL, NULL},
};
