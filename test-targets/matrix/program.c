/*
 * Says what it sees of the library:
 *   facts     what must be so, as name=1: pointers are equal, calls are traced, the stack can be
 *             walked
 *   answers   what each function gives
 *   hold      stays inside the library until it is told to go on; then the answers from inside
 */
#define _GNU_SOURCE
#include "program.h"
#include "../harness/program.h"
#include "library.h"

#include <dlfcn.h>
#include <execinfo.h>

static char said[8192];

void say(const char *name, long value)
{
  size_t length = strlen(said);
  snprintf(said + length, sizeof said - length, "%s%s=%ld", length ? " " : "", name, value);
}

/* ---- where an address lies ---- */

static const void *base_of(void *address)
{
  Dl_info info;
  return dladdr(address, &info) ? info.dli_fbase : NULL;
}

static int lies_in(void *address, const char *file)
{
  Dl_info info;
  return dladdr(address, &info) && strstr(info.dli_fname, file) != NULL;
}

static int is_named(void *address, const char *name, const char *other)
{
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_sname)
    return 0;
  return strcmp(info.dli_sname, name) == 0 || strcmp(info.dli_sname, other) == 0;
}

/* Its address is nowhere taken, so the program has no PLT entry that stands for it. */
static void *library(void)
{
  return dlsym(RTLD_DEFAULT, "nested");
}

/* ---- pointers ---- */

/* ld has no address of a protected function for a program that is not position-independent. */
#ifdef __PIE__
#define PROTECTED_HERE f_protected
#else
#define PROTECTED_HERE NULL
#endif
static op *const mine[] = {f_default, f_alias, f_weak, PROTECTED_HERE, NULL, NULL, f_ifunc};
static const char *const names[] = {"f_default", "f_alias",  "f_weak", "f_protected",
                                    "hidden",    "internal", "f_ifunc"};

static void say_equal(const char *what, int which, const void *a, const void *b)
{
  char name[64];
  snprintf(name, sizeof name, "pointer.%s.%s", names[which], what);
  say(name, a == b);
}

static void pointer_facts(void)
{
  for (int i = 0; i < POINTED; i++) {
    op *seen = mine[i] ? mine[i] : exported_table[i];
    say_equal("library-table", i, from_table(i), seen);
    say_equal("library-code", i, pointer_to(i), seen);
    say_equal("exported-table", i, exported_table[i], seen);
    if (i != HIDDEN && i != INTERNAL)
      say_equal("dlsym", i, dlsym(RTLD_DEFAULT, names[i]), seen);
  }
  say("pointer.f_alias.f_default", f_alias == f_default);
  say("dladdr.f_default", is_named(dlsym(RTLD_DEFAULT, "f_default"), "f_default", "f_alias"));
  say("dladdr.f_weak", is_named(dlsym(RTLD_DEFAULT, "f_weak"), "f_weak", "f_weak"));
}

/* ---- tracing ---- */

static struct record record;

/*
 * Whether the one call since `record` was cleared came through a return slot; without libpulp.so,
 * straight from here.
 */
static void say_outermost(const char *name, const char *way)
{
  char fact[64];
  void *to = record.to[0];
  int traced = getenv("LD_PRELOAD") ? lies_in(to, "libpulp.so") : base_of(to) == base_of(say);
  snprintf(fact, sizeof fact, "traced.%s.%s", name, way);
  say(fact, record.count == 1 && traced);
  record.count = 0;
}

#define OUTERMOST(name, way, call) ((void)(call), say_outermost(name, way))

static int back(int x)
{
  return x;
}

static void tracing_facts(void)
{
  set_record(&record);
  record.count = 0;
  OUTERMOST("f_default", "call", f_default(1));
  OUTERMOST("f_alias", "call", f_alias(1));
  OUTERMOST("f_weak", "call", f_weak(1));
  OUTERMOST("f_protected", "call", f_protected(1));
  OUTERMOST("f_cold", "call", f_cold(1));
  OUTERMOST("f_versioned", "call", f_versioned(1));
  OUTERMOST("f_many", "call", f_many(1, 2, 3, 4, 5, 6, 7, 8, 9.0));
  OUTERMOST("call_back", "call", call_back(back, 1));
  for (int i = 0; i < IFUNC; i++) {
    OUTERMOST(names[i], "library-table", from_table(i)(1));
    OUTERMOST(names[i], "library-code", pointer_to(i)(1));
    OUTERMOST(names[i], "exported-table", exported_table[i](1));
    if (mine[i])
      OUTERMOST(names[i], "program-table", mine[i](1));
  }
  op *old = (op *)dlvsym(RTLD_DEFAULT, "f_versioned", "V1");
  if (old)
    OUTERMOST("f_versioned@V1", "call", old(1));

  nested(1);
  int inside = record.count == 9;
  for (int i = 1; i < 9; i++)
    inside &= base_of(record.to[i]) == base_of(library());
  say("traced.nested", inside);
  set_record(NULL);
}

/* ---- unwinding ---- */

static void *frames[32];
static int depth;

static int walk(int x)
{
  depth = backtrace(frames, 32);
  return x;
}

/* From the callback through the library (or its patch) back into this program. */
static void unwinding_facts(void)
{
  call_back(walk, 1);
  int i = 0, called = 0;
  while (i < depth && base_of(frames[i]) == base_of(walk))
    i++;
  for (; i < depth && base_of(frames[i]) != base_of(walk); i++)
    called |= is_named(frames[i], "call_back", "new_call_back");
  say("backtrace.library", called);
  say("backtrace.program", i < depth && base_of(frames[i]) == base_of(walk));
  say("exception.through-C", throws_through(call_back));
}

static const char *facts(void)
{
  pointer_facts();
  tracing_facts();
  unwinding_facts();
  class_facts();
  return said;
}

/* ---- answers ---- */

static void function_answers(void)
{
  say("f_default", f_default(1));
  say("f_alias", f_alias(1));
  say("f_weak", f_weak(1));
  say("f_protected", f_protected(1));
  say("f_cold", f_cold(1));
  say("f_versioned", f_versioned(1));
  say("f_ifunc", f_ifunc(1));
  say("f_hidden", exported_table[HIDDEN](1));
  say("f_internal", exported_table[INTERNAL](1));
  say("f_default.table", exported_table[DEFAULT](1));
  say("f_protected.table", exported_table[PROTECTED](1));
  say("f_many", f_many(1, 2, 3, 4, 5, 6, 7, 8, 9.0));
  say("call_back", call_back(back, 1));
  say("nested", nested(1));
  say("set_record", set_record(NULL));
  op *old = (op *)dlvsym(RTLD_DEFAULT, "f_versioned", "V1");
  if (old)
    say("f_versioned@V1", old(1));
}

static const char *answers(void)
{
  function_answers();
  say("pointer_to", pointer_to(POINTED) ? 1 : 1001);
  say("from_table", from_table(POINTED) ? 1 : 1001);
  class_answers();
  return said;
}

static int wait_inside(int x)
{
  char line[64];
  puts("held");
  if (!fgets(line, sizeof line, stdin))
    exit(1);
  answers();
  return x;
}

static const char *answer(char *line)
{
  said[0] = '\0';
  if (strcmp(line, "facts") == 0)
    return facts();
  if (strcmp(line, "answers") == 0)
    return answers();
  if (strcmp(line, "hold") == 0) {
    call_back(wait_inside, 1);
    return said;
  }
  return "?";
}

/* With an argument: one call, for a debugger. */
int main(int argc, char **argv)
{
  (void)argv;
  if (argc > 1)
    return f_weak(1) != 3;
  return serve(answer);
}
