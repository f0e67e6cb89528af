/*
 * deep LINK...: its threads go through the first of these libraries into the patched one, and from
 * there through the others.
 *   answer             what the library says
 *   hold WORD BYTES    a thread goes in, and waits there on that much of stack, full of that word:
 *                      its number
 */
#define _GNU_SOURCE
#include "link.h"
#include "program.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

int answer(int x);
int hold(void (*wait)(void));

enum { LINKS = 8, STACK = 64 << 20 };
static struct rest outside[3], inside[LINKS + 1];
static unsigned long word, bytes;
static sem_t arrived;
static pid_t number_of;

static int wait_for_good(const struct rest *rest)
{
  unsigned long words[bytes / sizeof word];
  for (unsigned long i = 0; i < bytes / sizeof word; i++)
    ((volatile unsigned long *)words)[i] = word;
  number_of = gettid();
  sem_post(&arrived);
  for (;;)
    pause();
  return rest != NULL;
}

static void go_deeper(void)
{
  volatile int count = inside[0].first(inside + 1);
  (void)count;
}

static int enter(const struct rest *rest)
{
  (void)rest;
  return hold(go_deeper);
}

static void *begin(void *unused)
{
  outside[0].first(outside + 1);
  return unused;
}

static const char *reply(char *line)
{
  pthread_t thread;
  pthread_attr_t large;
  if (strcmp(line, "answer") == 0)
    return number(answer(1));
  if (sscanf(line, "hold %lu %lu", &word, &bytes) != 2)
    return "?";
  pthread_attr_init(&large);
  pthread_attr_setstacksize(&large, STACK);
  pthread_create(&thread, &large, begin, NULL);
  sem_wait(&arrived);
  return number(number_of);
}

static link_fn *link_of(const char *path)
{
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, "link_on") : NULL;
  link_fn *link;
  if (!symbol) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  memcpy(&link, &symbol, sizeof link);
  return link;
}

int main(int argc, char **argv)
{
  if (argc < 2 || argc > LINKS + 2)
    return 2;
  sem_init(&arrived, 0, 0);
  outside[0].first = link_of(argv[1]);
  outside[1].first = enter;
  for (int i = 2; i < argc; i++)
    inside[i - 2].first = link_of(argv[i]);
  inside[argc - 2].first = wait_for_good;
  return serve(reply);
}
