/*
 * program KINDS: a process of the soak, whose threads call the library all the time and look at
 * every answer. KINDS are letters:
 *   w  two threads that stay: short and long calls, callbacks, jumps out of the library
 *   t  threads that come and go: they return, exit, or are cancelled inside
 *   f  children that come and go
 * It prints "ready", then answers each line: "ask" with what f, g and h give, the wrong answers so
 * far and the calls so far; "rest" when nothing but the main thread is left; "go" when the others
 * are back. It ends with its standard input.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int soak_f(void);
int soak_g(void);
int soak_h(void);
int soak_both(void);
int soak_hold(unsigned us);
void soak_through(void (*callback)(void *), void *argument);

enum { SHORT_CALLS = 200, PAUSE_US = 1000, HOLD_US = 20000, CHILD_US = 50000 };

static atomic_bool resting;
static atomic_ulong wrong, calls;

static void look(int answer)
{
  atomic_fetch_add(&calls, 1);
  if (answer < 1)
    atomic_fetch_add(&wrong, 1);
}

static void jump(void *where)
{
  longjmp(*(jmp_buf *)where, 1);
}
static void call_again(void *unused)
{
  (void)unused, look(soak_both());
}

static void jump_out(void)
{
  jmp_buf here;
  if (setjmp(here) == 0)
    soak_through(jump, &here);
}

static void *walk(void *unused)
{
  for (unsigned i = 0; !resting; i++) {
    for (int k = 0; k < SHORT_CALLS; k++)
      look(soak_both());
    soak_through(call_again, NULL);
    jump_out();
    if (i % 16 == 0)
      look(soak_hold(HOLD_US));
    usleep(PAUSE_US);
  }
  return unused;
}

static void *brief(void *how)
{
  look(soak_both());
  if (how)
    look(soak_hold(HOLD_US)); /* cancelled here, sometimes */
  look(soak_both());
  pthread_exit(NULL);
}

static void *spawn(void *unused)
{
  for (unsigned i = 0; !resting; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, brief, i % 4 ? NULL : &thread) != 0)
      abort();
    if (i % 8 == 0) {
      usleep(PAUSE_US);
      pthread_cancel(thread);
    }
    pthread_join(thread, NULL);
    usleep(PAUSE_US);
  }
  return unused;
}

static void *breed(void *unused)
{
  while (!resting) {
    int status;
    pid_t child = fork();
    if (child == 0) {
      int answer = soak_both();
      usleep((unsigned)getpid() * 7919 % CHILD_US);
      _exit(answer < 1 || soak_hold(PAUSE_US) < 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
      abort();
    look(status == 0 ? 1 : -1);
    usleep(5 * PAUSE_US);
  }
  return unused;
}

static pthread_t threads[4];
static int running;

static void go(const char *kinds)
{
  resting = 0;
  for (; *kinds; kinds++)
    for (int k = 0; k < (*kinds == 'w' ? 2 : 1); k++)
      if (pthread_create(&threads[running++], NULL,
                         *kinds == 'w'   ? walk
                         : *kinds == 't' ? spawn
                                         : breed,
                         NULL) != 0)
        abort();
}

static void rest(void)
{
  resting = 1;
  while (running > 0)
    pthread_join(threads[--running], NULL);
}

int main(int argc, char **argv)
{
  char line[64];
  const char *kinds = argc > 1 ? argv[1] : "";
  if (strspn(kinds, "wtf") != strlen(kinds) || strlen(kinds) > 3)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  go(kinds);
  puts("ready");
  while (fgets(line, sizeof line, stdin))
    if (strcmp(line, "rest\n") == 0) {
      rest();
      puts("rest");
    } else if (strcmp(line, "go\n") == 0) {
      go(kinds);
      puts("go");
    } else
      printf("%d %d %d %lu %lu\n", soak_f(), soak_g(), soak_h(), wrong, calls);
  rest();
  return wrong > 0;
}
