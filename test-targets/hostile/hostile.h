/*
 * What the programs that lie share: argv[1] says how. Lines are answered as by test-targets/simple.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "program.h"
#include "ulp_abi.h"

int answer(int x);

/* One way to lie; `arguments` are what follows it on the command line. */
struct mode {
  const char *name;
  void (*bend)(char **arguments);
};

/* Ends with an empty one. */
extern const struct mode modes[];

static struct ulp_control *control;

static inline void start(void *(*work)(void *), void *argument)
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, argument))
    abort();
}

/*
 * "same" as long as nobody has written to the control block or to the function that a patch would
 * replace.
 */
static const char *changes(void)
{
  static struct ulp_control before;
  static char code[8];
  if (!before.magic) {
    before = *control;
    memcpy(code, (void *)answer, sizeof code);
  }
  return memcmp(&before, control, sizeof before) || memcmp(code, (void *)answer, sizeof code)
             ? "changed"
             : "same";
}

/* Ends what was begun, for the line "calm". */
static void (*calm)(void);

/* Answers the line "asked". */
static long (*asked)(void);

static const char *reply(char *line)
{
  if (calm && !strcmp(line, "calm")) {
    calm();
    return line;
  }
  if (asked && !strcmp(line, "asked"))
    return number(asked());
  return strcmp(line, "changes") ? number(answer(1)) : changes();
}

/* The name with the ABI version, which ulp_abi.h gives it. */
#define QUOTED(name) #name
#define NAME_OF(symbol) QUOTED(symbol)

int main(int argc, char **argv)
{
  char *global = dlsym(RTLD_DEFAULT, NAME_OF(__ulp_global));
  control = (struct ulp_control *)(global - offsetof(struct ulp_control, universe));
  const struct mode *mode = modes;
  while (argc > 1 && mode->name && strcmp(mode->name, argv[1]))
    mode++;
  if (argc < 2 || !mode->name)
    return 2;
  mode->bend(argv + 2);
  changes();
  return serve(reply);
}

#endif
