/*
 * fork and vfork inside a call and outside; the child calls the library, and ends or becomes
 * another program.
 */
#include "cases.h"
#include "library.h"

#include <sys/wait.h>
#include <unistd.h>

static void expect_exit(pid_t child, int code)
{
  int status = -1;
  EXPECT(child > 0);
  EXPECT(waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

/*
 * The child is inside as its parent was, returns from the library by itself, and can start threads.
 */
static void *in_child_thread(void *unused)
{
  glance();
  return unused;
}

static __thread pid_t child;

static void fork_inside(void *unused)
{
  see();
  child = fork();
  if (child != 0)
    hold();
  see();
  (void)unused;
}

static void forked_inside(void)
{
  call(fork_inside, NULL);
  if (child == 0) {
    glance();
    pthread_join(spawn(in_child_thread, NULL), NULL);
    _exit(trial->failure[0] ? 1 : 42);
  }
  after();
  expect_exit(child, 42);
}

static void forked_outside(void)
{
  call(inside, NULL);
  pid_t pid = fork();
  if (pid == 0) {
    outermost();
    call(inside, NULL);
    _exit(trial->failure[0] ? 1 : 43);
  }
  expect_exit(pid, 43);
  after();
}

/* The child of vfork runs on its parent's stack and in its thread block. */
static void vfork_inside(void *unused)
{
  inside(unused);
  pid_t pid = vfork();
  if (pid == 0) {
    see();
    _exit(value_twice() == trial->inside ? 44 : 1);
  }
  see();
  expect_exit(pid, 44);
}

static void vforked_inside(void)
{
  call(vfork_inside, NULL);
  after();
}

static void vforked_outside(void)
{
  call(inside, NULL);
  pid_t pid = vfork();
  if (pid == 0)
    _exit(value_twice() > 0 ? 45 : 1);
  after();
  expect_exit(pid, 45);
}

static void execute(void *unused)
{
  (void)unused;
  execl("/bin/true", "true", (char *)NULL);
  _exit(1);
}

static void execute_with(void *unused)
{
  (void)unused;
  pid_t pid = vfork();
  if (pid == 0)
    execute(NULL);
  see();
  expect_exit(pid, 0);
}

static void vforked_and_executed(void)
{
  call(execute_with, NULL);
  outermost();
  call(inside, NULL);
  after();
}

/*
 * The child never leaves the library: it becomes another program there. The next call from where it
 * was made, or from shallower, finds that.
 */
static void executed_inside(void)
{
  call(inside, NULL);
  pid_t pid = vfork();
  if (pid == 0)
    call(execute, NULL);
  expect_exit(pid, 0);
  trial->after = value();
}

const struct one_case child_cases[] = {
    {"fork-inside", forked_inside},
    {"fork-outside", forked_outside},
    {"vfork-inside", vforked_inside},
    {"vfork-outside", vforked_outside},
    {"vfork-exec", vforked_and_executed},
    {"vfork-exec-inside", executed_inside},
    {NULL, NULL},
};
