/* Runs the cases: see cases.h. */
#include "cases.h"
#include "library.h"
#include "program.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

__thread struct trial *trial;

static const struct one_case *const groups[] = {
    argument_cases, calling_cases, jump_cases,      ending_cases, coroutine_cases,
    handler_cases,  child_cases,   exception_cases, switch_cases,
};
enum { CASES_MAX = 128, THREADS_MAX = 8 };
static const struct one_case *cases[CASES_MAX];
static int case_count;

/* ---- what cases use ---- */

void fail(const char *file, int line, const char *what)
{
  struct trial *t = trial;
  if (t->failure[0])
    return;
  const char *slash = strrchr(file, '/');
  snprintf(t->failure, sizeof t->failure, "%s:%d: %s (%ld, %ld)", slash ? slash + 1 : file, line,
           what, t->inside, t->after);
}

void outermost(void)
{
  trial->inside = 0;
}

void saw(long version)
{
  if (trial->inside == 0)
    trial->inside = version;
  EXPECT(version == 1 || version == 2);
  EXPECT(version == trial->inside);
}

void see(void)
{
  saw(value());
  saw(value_twice());
}

void glance(void)
{
  outermost();
  saw(value_twice());
}

void after(void)
{
  trial->after = value();
}

static atomic_int waiting, gate, finished;

/* The gate is a futex and no semaphore: waiting at it is no cancellation point. */
static void wait_at(atomic_int *word, int until)
{
  for (int now; (now = *word) != until;)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void open_to(atomic_int *word, int now)
{
  *word = now;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
}

void hold(void)
{
  if (trial->hold) {
    trial->hold = false;
    trial->held = trial->inside;
    waiting++;
    wait_at(&gate, 1);
  } else
    sched_yield();
}

void inside(void *unused)
{
  (void)unused;
  see();
  hold();
  see();
}

struct start {
  void *(*function)(void *);
  void *argument;
  struct trial *trial;
};

static void *started(void *argument)
{
  struct start start = *(struct start *)argument;
  free(argument);
  trial = start.trial;
  return start.function(start.argument);
}

static pthread_t spawn_with(const pthread_attr_t *attributes, void *(*function)(void *),
                            void *argument)
{
  pthread_t thread;
  struct start *start = malloc(sizeof *start);
  *start = (struct start){function, argument, trial};
  if (pthread_create(&thread, attributes, started, start) != 0)
    abort();
  return thread;
}

pthread_t spawn(void *(*function)(void *), void *argument)
{
  return spawn_with(NULL, function, argument);
}

pthread_t spawn_on(void *stack, size_t size, void *(*function)(void *), void *argument)
{
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (pthread_attr_setstack(&attributes, stack, size) != 0)
    abort();
  pthread_t thread = spawn_with(&attributes, function, argument);
  pthread_attr_destroy(&attributes);
  return thread;
}

void deeper(int frames, void (*function)(void))
{
  char room[256];
  __asm__ volatile("" : : "r"(room) : "memory");
  if (frames == 0)
    function();
  else
    deeper(frames - 1, function);
  __asm__ volatile("" : : "r"(room) : "memory");
}

/* ---- one after the other ---- */

static char answer[CASES_MAX * 64];

static void report(const struct trial *t)
{
  size_t at = strlen(answer);
  char *end = answer + at;
  if (t->failure[0])
    snprintf(end, sizeof answer - at, "%s=FAIL: %s; ", t->which->name, t->failure);
  else
    snprintf(end, sizeof answer - at, "%s=%ld>%ld ", t->which->name, t->held ? t->held : t->inside,
             t->after);
}

static const char *run_all(const char *only)
{
  answer[0] = '\0';
  for (int i = 0; i < case_count; i++) {
    if (*only && strcmp(only, cases[i]->name) != 0)
      continue;
    struct trial t = {.which = cases[i]};
    trial = &t;
    t.which->run();
    report(&t);
  }
  return answer;
}

/* ---- suspended inside ---- */

static struct trial trials[CASES_MAX];
static pthread_t threads[CASES_MAX];

static void *suspended(void *argument)
{
  trial = argument;
  trial->which->run();
  finished++;
  wait_at(&gate, 2);
  return NULL;
}

static const char *hold_all(void)
{
  waiting = finished = gate = 0;
  for (int i = 0; i < case_count; i++) {
    trials[i] = (struct trial){.which = cases[i], .hold = true};
    if (pthread_create(&threads[i], NULL, suspended, &trials[i]) != 0)
      abort();
  }
  while (waiting + finished < case_count)
    sched_yield();
  return "held";
}

static const char *release(void)
{
  open_to(&gate, 1);
  while (finished < case_count)
    sched_yield();
  answer[0] = '\0';
  for (int i = 0; i < case_count; i++)
    report(&trials[i]);
  return answer;
}

static const char *join(void)
{
  open_to(&gate, 2);
  for (int i = 0; i < case_count; i++)
    pthread_join(threads[i], NULL);
  return "joined";
}

/* ---- all at once ---- */

static atomic_bool running;
static atomic_long rounds[CASES_MAX];
static int thread_count;
static char first_failure[256];
static pthread_mutex_t failure_lock = PTHREAD_MUTEX_INITIALIZER;

static void *loop(void *argument)
{
  unsigned seed = (unsigned)(uintptr_t)argument;
  while (running) {
    int i = rand_r(&seed) % case_count;
    struct trial t = {.which = cases[i]};
    trial = &t;
    t.which->run();
    rounds[i]++;
    if (!t.failure[0])
      continue;
    pthread_mutex_lock(&failure_lock);
    if (!first_failure[0])
      snprintf(first_failure, sizeof first_failure, "%s: %s", t.which->name, t.failure);
    pthread_mutex_unlock(&failure_lock);
  }
  return NULL;
}

/* Signals that come to whichever thread it may be, inside or outside or on its way. */
static void storm(long microseconds)
{
  const struct itimerval every = {{0, microseconds}, {0, microseconds}};
  setitimer(ITIMER_REAL, &every, NULL);
}

static const char *start_all(int count)
{
  running = true;
  storm(2000);
  for (thread_count = 0; thread_count < count && thread_count < THREADS_MAX; thread_count++)
    if (pthread_create(&threads[thread_count], NULL, loop, (void *)(uintptr_t)(thread_count + 1)) !=
        0)
      abort();
  return "started";
}

static const char *stop_all(void)
{
  running = false;
  storm(0);
  for (int i = 0; i < thread_count; i++)
    pthread_join(threads[i], NULL);
  return first_failure[0] ? first_failure : "ok";
}

static long fewest_rounds(void)
{
  long fewest = rounds[0];
  for (int i = 1; i < case_count; i++)
    if (rounds[i] < fewest)
      fewest = rounds[i];
  return fewest;
}

static const char *reply(char *line)
{
  if (strncmp(line, "run", 3) == 0)
    return run_all(line[3] ? line + 4 : "");
  if (strcmp(line, "hold") == 0)
    return hold_all();
  if (strcmp(line, "release") == 0)
    return release();
  if (strcmp(line, "join") == 0)
    return join();
  if (strncmp(line, "start ", 6) == 0)
    return start_all(atoi(line + 6));
  if (strcmp(line, "rounds") == 0)
    return number(fewest_rounds());
  if (strcmp(line, "stop") == 0)
    return stop_all();
  return number(value());
}

static void install(int signal, void (*function)(int), int flags)
{
  struct sigaction action = {.sa_handler = function, .sa_flags = flags | SA_RESTART};
  sigaction(signal, &action, NULL);
}

/* With the names of cases or of their first words: only those. */
int main(int count, char **words)
{
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    for (const struct one_case *one = groups[i]; one->name; one++) {
      bool wanted = count < 2;
      for (int k = 1; k < count; k++)
        wanted |= strncmp(one->name, words[k], strlen(words[k])) == 0;
      if (wanted && case_count < CASES_MAX)
        cases[case_count++] = one;
    }
  install(SIGNAL_PLAIN, handler, 0);
  install(SIGNAL_ALTERNATE, handler, SA_ONSTACK);
  install(SIGNAL_JUMP, jumping_handler, SA_ONSTACK);
  install(SIGNAL_REGISTERS, registers_handler, SA_ONSTACK);
  install(SIGNAL_STORM, storm_handler, SA_ONSTACK);
  return serve(reply);
}
