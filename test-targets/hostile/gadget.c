/*
 * A launch gadget that does something else than to launch: what a tool sends a borrowed thread
 * into.
 */
#include "hostile.h"

#include <unistd.h>

static void make_writable(void *code)
{
  uint64_t first = (uint64_t)code & -4096ul;
  if (mprotect((void *)first, 8192, PROT_READ | PROT_WRITE | PROT_EXEC))
    abort();
}

static void replace(const void *code, size_t size)
{
  make_writable((void *)control->gadget);
  memcpy((void *)control->gadget, code, size);
}

#define REPLACE(bytes) replace(bytes, sizeof bytes - 1)

static void loops(char **unused)
{
  (void)unused;
  REPLACE("\xeb\xfe"); /* jmp . */
}

static void faults(char **unused)
{
  (void)unused;
  REPLACE("\x0f\x0b"); /* ud2 */
}

static void traps(char **unused)
{
  (void)unused;
  REPLACE("\xcc"); /* int3 */
}

static void sleeps(char **unused)
{
  (void)unused;
  REPLACE("\xb8\x22\0\0\0\x0f\x05\xeb\xf7"); /* pause(), again and again */
}

static void exits(char **unused)
{
  (void)unused;
  REPLACE("\xb8\x3c\0\0\0\x0f\x05"); /* exit(), of the thread */
}

static void ends(char **unused)
{
  (void)unused;
  REPLACE("\xb8\xe7\0\0\0\x0f\x05"); /* exit_group() */
}

/* The borrowed thread's stack is wherever it was: nothing is called. */
static void execute_cat(void)
{
  static const char file[] = "/bin/cat";
  static const char *const arguments[] = {file, NULL};
  __asm__ volatile("syscall"
                   :
                   : "a"(59), "D"(file), "S"(arguments), "d"(arguments + 1)
                   : "rcx", "r11", "memory");
  __builtin_trap();
}

/* Ends up in another program, which might have more rights. */
static void executes(char **unused)
{
  char code[12] = "\x48\xb8--------\xff\xe0"; /* movabs $execute_cat, %rax; jmp *%rax */
  void (*to)(void) = execute_cat;
  (void)unused;
  memcpy(code + 2, &to, sizeof to);
  replace(code, sizeof code);
}

/* Within the instructions of the real one. */
static void leads_astray(char **unused)
{
  (void)unused;
  control->gadget += 3;
}

static void is_everything(char **unused)
{
  (void)unused;
  control->gadget_end = control->pins;
}

static void *sleep_in_read(void *unused)
{
  int ends_of_pipe[2];
  char byte;
  if (pipe(ends_of_pipe) || read(ends_of_pipe[0], &byte, 1))
    abort();
  return unused;
}

/*
 * The same from another thread than the first one, which runs and so is borrowed last: its id
 * changes when it executes a program.
 */
static void executes_as_other(char **unused)
{
  executes(unused);
  start(sleep_in_read, NULL);
  puts("ready");
  fflush(stdout);
  for (;;)
    continue;
}

const struct mode modes[] = {
    {"loops", loops},
    {"faults", faults},
    {"traps", traps},
    {"sleeps", sleeps},
    {"exits", exits},
    {"ends", ends},
    {"executes", executes},
    {"executes-as-other", executes_as_other},
    {"leads-astray", leads_astray},
    {"is-everything", is_everything},
    {NULL, NULL},
};
