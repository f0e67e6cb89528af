/*
 * answer, other  what the library says
 * hold           a thread goes into the library and stays there
 * release        it comes out; what answer() was for it
 * lock           a thread takes the lock of the dynamic loader, which dlopen needs
 * unlock         it gives it back
 * die            it ends at once, whatever its threads do
 * execute [keep] it executes itself anew; with `keep`, a child that shares its memory keeps that
 * alive
 * hide           from now on it is not dumpable, as a program that has given up rights
 * fork           a child goes on in place of this process: its pid
 * spin           a thread that never rests begins: its number
 * crowd N        N more threads that sleep for good begin
 * resident       all its memory stays where it is, as does all that it gets from now on
 */
#define _GNU_SOURCE
#include "keep-memory.h"
#include "program.h"

#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int answer(int x);
int other(int x);
int hold(void (*wait)(void));

static sem_t arrived, may_go;
static pthread_t thread;

static void wait_here(void)
{
  sem_post(&arrived);
  sem_wait(&may_go);
}

static void *hold_library(void *unused)
{
  (void)unused;
  return (void *)(long)hold(wait_here);
}

static int in_loader(struct dl_phdr_info *info, size_t size, void *unused)
{
  (void)info, (void)size, (void)unused;
  wait_here();
  return 1;
}

static void *hold_loader(void *unused)
{
  return (void *)(long)dl_iterate_phdr(in_loader, unused);
}

static const char *begin(void *(*run)(void *))
{
  pthread_create(&thread, NULL, run, NULL);
  sem_wait(&arrived);
  return "held";
}

static const char *finish(void)
{
  void *result;
  sem_post(&may_go);
  pthread_join(thread, &result);
  return number((long)result);
}

static const char *go_on_as_child(void)
{
  int status = 0;
  pid_t child = fork();
  if (child == 0)
    return number(getpid());
  waitpid(child, &status, 0);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static const char *execute(int keeps)
{
  if (keeps && keep_memory() < 0)
    return "no child";
  execl("/proc/self/exe", "program", (char *)NULL);
  return "not executed";
}

static _Atomic pid_t spinner;

static void *never_rest(void *unused)
{
  for (spinner = gettid();;)
    ;
  return unused;
}

static const char *spin(void)
{
  pthread_create(&thread, NULL, never_rest, NULL);
  while (!spinner)
    ;
  return number(spinner);
}

static void *sleep_for_good(void *unused)
{
  sem_post(&arrived);
  for (;;)
    pause();
  return unused;
}

static const char *crowd(int count)
{
  pthread_t one;
  for (int i = 0; i < count; i++) {
    pthread_create(&one, NULL, sleep_for_good, NULL);
    sem_wait(&arrived);
  }
  return "asleep";
}

static const char *reply(char *line)
{
  int count;
  if (strcmp(line, "answer") == 0)
    return number(answer(1));
  if (strcmp(line, "other") == 0)
    return number(other(1));
  if (strcmp(line, "hold") == 0)
    return begin(hold_library);
  if (strcmp(line, "lock") == 0)
    return begin(hold_loader);
  if (strcmp(line, "release") == 0 || strcmp(line, "unlock") == 0)
    return finish();
  if (strcmp(line, "die") == 0)
    _exit(0);
  if (strcmp(line, "execute") == 0 || strcmp(line, "execute keep") == 0)
    return execute(line[7] != '\0');
  if (strcmp(line, "hide") == 0)
    return prctl(PR_SET_DUMPABLE, 0) ? "not hidden" : "hidden";
  if (strcmp(line, "resident") == 0)
    return mlockall(MCL_CURRENT | MCL_FUTURE) ? "not resident" : "resident";
  if (strcmp(line, "fork") == 0)
    return go_on_as_child();
  if (strcmp(line, "spin") == 0)
    return spin();
  if (sscanf(line, "crowd %d", &count) == 1)
    return crowd(count);
  return "?";
}

static void *serve_in_thread(void *unused)
{
  (void)unused;
  exit(serve(reply));
}

/* With an argument: the first thread ends, another one serves. */
int main(int argc, char **argv)
{
  (void)argv;
  sem_init(&arrived, 0, 0);
  sem_init(&may_go, 0, 0);
  if (argc == 1)
    return serve(reply);
  pthread_create(&thread, NULL, serve_in_thread, NULL);
  pthread_exit(NULL);
}
