/*
 * Runs random programs: by seed, or one that is given as a text. See README.md, and world.h for
 * what its files share.
 */
#include "world.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct report *report;
static bool in_child;
static __thread struct thread *this_thread;

step_function *random_steps[LIBRARIES][STEPS] = {
    {a_step0, a_step1, a_step2, a_step3},
    {b_step0, b_step1, b_step2, b_step3},
    {c_step0, c_step1, c_step2, c_step3},
};

__attribute__((noinline)) struct thread *self(void)
{
  __asm__ volatile("" ::: "memory");
  return this_thread;
}

void random_wrong(const char *what, long a, long b)
{
  struct thread *thread = self();
  snprintf(report->message, sizeof report->message, "program %ld: %s: %ld, %ld",
           thread ? (long)thread->program->seed : -1L, what, a, b);
  syscall(SYS_exit_group, 3);
  __builtin_unreachable();
}

/* ---- what a node says ---- */

long random_expected(const struct node *node)
{
  const struct node *last = node->children;
  while (last && last->next)
    last = last->next;
  return last && (last->kind == TAIL || last->kind == TAILBACK) ? random_expected(last)
                                                                : node->argument;
}

void children(const struct node *node)
{
  for (const struct node *child = node->children; child; child = child->next)
    random_do(child);
}

long random_back(const struct node *node)
{
  for (const struct node *child = node->children; child; child = child->next) {
    if (!child->next && child->kind == TAIL)
      return random_steps[child->library][child->function](child);
    if (!child->next && child->kind == TAILBACK)
      return random_back(child);
    random_do(child);
  }
  return node->argument;
}

static void call(const struct node *node)
{
  const struct mark here = random_begin();
  long expected = random_expected(node);
  long result = node->kind == TAILBACK ? random_back(node)
                                       : random_steps[node->library][node->function](node);
  if (result != expected)
    random_wrong("a result", result, expected);
  random_end(&here);
}

static void catching(const struct node *node)
{
  const struct mark here = random_begin();
  random_catches();
  try {
    children(node);
  } catch (const thrown &) {
  }
  random_end(&here);
}

static __attribute__((noinline)) void scope(const struct node *node)
{
  const struct mark here = random_begin();
  struct jump mine;
  mine.up = here.jump;
  mine.builtin = false;
  context()->now.jump = &mine;
  if (sigsetjmp(mine.place, 1) == 0)
    children(node);
  random_end(&here);
}

static __attribute__((noinline)) void builtin_scope(const struct node *node)
{
  const struct mark here = random_begin();
  struct jump mine;
  mine.up = here.jump;
  mine.builtin = true;
  context()->now.jump = &mine;
  if (__builtin_setjmp(mine.builtin_place) == 0)
    children(node);
  random_end(&here);
}

extern "C" void __longjmp_chk(sigjmp_buf place, int value) __attribute__((noreturn));

static __attribute__((noinline)) void leap_builtin(struct jump *to)
{
  __builtin_longjmp(to->builtin_place, 1);
}

static void leap(const struct node *node)
{
  struct jump *to = context()->now.jump;
  for (int up = node->argument % 3; to && to->up && up > 0; up--)
    to = to->up;
  if (!to)
    return;
  if (to->builtin)
    leap_builtin(to);
  switch (node->function) {
  case 0: longjmp(to->place, 1);
  case 1: _longjmp(to->place, 1);
  case 2: siglongjmp(to->place, 1);
  default:
    if (context()->now.alternate) /* it takes the stack for a wrong one */
      siglongjmp(to->place, 1);
    __longjmp_chk(to->place, 1);
  }
}

static void fork_here(const struct node *node)
{
  if (in_child)
    return;
  pid_t child = fork();
  if (child == 0) {
    struct mark *now = &context()->now;
    in_child = true;
    now->jump = nullptr;
    now->catches = 0;
    now->cancellable = false;
    context()->stuck++;
    children(node);
    _exit(0);
  }
  int status = 0;
  CHECK(child > 0);
  while (waitpid(child, &status, 0) != child)
    ;
  if (status != 0) {
    if (!report->message[0])
      random_wrong("a child ended with status", status, 0);
    syscall(SYS_exit_group, 3);
  }
}

static void end_thread(const struct node *node)
{
  struct context *now = context();
  if (!now->now.cancellable || now->now.alternate)
    return;
  if (node->kind == EXIT)
    pthread_exit(nullptr);
  pthread_cancel(pthread_self());
  pthread_testcancel();
}

/* The driver applies or reverts a patch, if it can, and says so. */
static void change(const struct node *node)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  if (in_child)
    return;
  pthread_mutex_lock(&lock);
  const char line[] = {'c', 'h', 'a', 'n', 'g', 'e', ' ', (char)('0' + node->argument % PATCHES),
                       '\n'};
  CHECK(write(STDOUT_FILENO, line, sizeof line) == sizeof line);
  for (char c = 0; c != '\n';)
    if (read(STDIN_FILENO, &c, 1) == 0)
      _exit(0); /* the driver is gone */
  pthread_mutex_unlock(&lock);
}

void random_do(const struct node *node)
{
  if (!in_child)
    __atomic_fetch_add(&report->counts[node->kind], 1, __ATOMIC_RELAXED);
  switch ((enum kind)node->kind) {
  case CALL:
  case TAIL:
  case TAILBACK: return call(node);
  case TYPED: return typed_call(node);
  case BACK: return children(node);
  case CATCH: return catching(node);
  case THROW:
    if (context()->now.catches > 0)
      throw thrown();
    return;
  case SCOPE: return node->argument % 4 == 0 ? builtin_scope(node) : scope(node);
  case JUMP: return leap(node);
  case PLAIN:
  case ALTERNATE: return raise_handler(node);
  case STEP: return step(node);
  case CONTEXT:
  case SWITCH:
  case SIGNAL:
  case COPY: return coroutine_begin(node);
  case YIELD: return coroutine_yield();
  case RESUME: return coroutine_resume(node->argument);
  case FORGET: return coroutine_forget(node->argument);
  case THREAD: return run_thread(self()->program, node);
  case CANCEL:
  case EXIT: return end_thread(node);
  case FORK: return fork_here(node);
  case CHANGE: return change(node);
  case KIND_COUNT: break;
  }
}

/* ---- threads ---- */

static pthread_key_t key;

/* A destructor calls the libraries as well, before or after the runtime's own. */
static void at_end(void *)
{
  context_clear(&self()->own);
  glance();
}

static void thread_ends(void *argument)
{
  struct thread *thread = (struct thread *)argument;
  context_clear(&thread->own);
  thread->current = &thread->own;
  coroutines_drain(false);
  coroutines_abandon();
}

static void *thread_main(void *argument)
{
  struct thread *thread = (struct thread *)argument;
  this_thread = thread;
  stack_t alternate = {}, none = {};
  if (thread->alternate) {
    alternate.ss_sp = thread->alternate;
    alternate.ss_size = ALTERNATE_SIZE;
    CHECK(sigaltstack(&alternate, nullptr) == 0);
  }
  if (thread->body->argument & 4)
    pthread_setspecific(key, thread);
  pthread_cleanup_push(thread_ends, thread);
  children(thread->body);
  coroutines_drain(thread->is_first);
  pthread_cleanup_pop(1);
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
  return nullptr;
}

/* Joined at once, so that a program does the same whenever it is run. */
static void run(struct program *program, const struct node *body, bool is_first)
{
  pthread_t id;
  struct thread *thread = (struct thread *)calloc(1, sizeof *thread);
  thread->program = program;
  thread->body = body;
  thread->is_first = is_first;
  if (body->argument & 2)
    thread->alternate = (char *)malloc(ALTERNATE_SIZE);
  context_clear(&thread->own);
  thread->own.now.cancellable = true;
  thread->current = &thread->own;
  CHECK(pthread_create(&id, nullptr, thread_main, thread) == 0);
  pthread_join(id, nullptr);
  free(thread->alternate);
  free(thread->side_stack);
  free(thread);
  /* It was cancelled: its coroutines outlive it, and go on to their end elsewhere. */
  static const struct node nothing = {THREAD, 0, 0, 0, nullptr, nullptr};
  if (is_first && program->coroutines)
    run(program, &nothing, true);
}

void run_thread(struct program *program, const struct node *body)
{
  run(program, body, false);
}

/* ---- main ---- */

static uint64_t first_seed = 1;
static long count = 1, storm;
static int workers = 1;
static const char *text;

static struct program *new_program(void)
{
  struct program *program = (struct program *)calloc(1, sizeof *program);
  program->arena = (char *)malloc(ARENA);
  return program;
}

static void *work(void *argument)
{
  const long mine = (long)argument;
  /* On no stack: in a child of fork those of the other threads are used again. */
  struct program *program = new_program();
  for (long i = mine; i < count; i += workers) {
    report->current[mine] = first_seed + (uint64_t)i;
    if (text) {
      const char *error = parse(program, text);
      if (error) {
        fprintf(stderr, "%s: %s\n", text, error);
        _exit(2);
      }
    } else
      generate(program, first_seed + (uint64_t)i);
    run(program, program->root, true);
    __atomic_fetch_add(&report->done, 1, __ATOMIC_RELAXED);
  }
  free(program->arena);
  free(program);
  return nullptr;
}

static void usage(void)
{
  fputs("program REPORT [seed=N] [count=N] [threads=N] [storm=MICROSECONDS] [KIND=WEIGHT]... "
        "[moves=0] [load=LIBRARY] [text=PROGRAM] [print]\n",
        stderr);
  exit(2);
}

int main(int argc, char **argv)
{
  static char line[16];
  bool only_print = false;
  if (argc < 2)
    usage();
  for (int i = 2; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (strcmp(argv[i], "print") == 0) {
      only_print = true;
      continue;
    }
    if (!value)
      usage();
    *value++ = '\0';
    if (strcmp(argv[i], "seed") == 0)
      first_seed = strtoull(value, nullptr, 10);
    else if (strcmp(argv[i], "count") == 0)
      count = atol(value);
    else if (strcmp(argv[i], "threads") == 0)
      workers = atoi(value);
    else if (strcmp(argv[i], "storm") == 0)
      storm = atol(value);
    else if (strcmp(argv[i], "text") == 0)
      text = value;
    else if (strcmp(argv[i], "moves") == 0)
      coroutines_move = atoi(value) != 0;
    else if (strcmp(argv[i], "load") == 0)
      CHECK(dlopen(value, RTLD_NOW));
    else if (!weigh(argv[i], (unsigned)atoi(value)))
      usage();
  }
  if (workers < 1 || workers > WORKERS_MAX)
    usage();
  if (only_print) {
    struct program *program = new_program();
    generate(program, first_seed);
    print(program->root);
    putchar('\n');
    return 0;
  }
  int file = open(argv[1], O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof *report) != 0)
    usage();
  report =
      (struct report *)mmap(nullptr, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  pthread_key_create(&key, at_end);
  coroutines_init();
  handlers_install(storm);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  puts("ready");
  if (!fgets(line, sizeof line, stdin)) /* go */
    return 0;
  pthread_t threads[WORKERS_MAX];
  for (long i = 0; i < workers; i++)
    if (pthread_create(&threads[i], nullptr, work, (void *)i) != 0)
      return 2;
  for (long i = 0; i < workers; i++)
    pthread_join(threads[i], nullptr);
  puts("end");
  while (fgets(line, sizeof line, stdin))
    ; /* the driver looks at what is left, and closes */
  return 0;
}
