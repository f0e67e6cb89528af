/* Bends what the tools read: argv[1] says how. Answers lines as test-targets/simple does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <stddef.h>
#include <unistd.h>

#include "program.h"
#include "ulp_abi.h"

int answer(void);

static struct ulp_control *control;

/* Has done each request before the helper sees it, and invents the result. */
static void *forge(void *unused)
{
  for (;;) {
    uint64_t state = __atomic_load_n(&control->state, __ATOMIC_ACQUIRE);
    if ((state & 0xff) != ULP_STATE_REQUESTED)
      continue;
    control->result = 99;
    control->result_universe = ~0ul;
    memcpy(control->message, "done \x1b[2J\xc2\x9b\xe2\x80\xae\n", 15);
    __atomic_store_n(&control->state, (state & ~0xfful) | ULP_STATE_DONE, __ATOMIC_RELEASE);
  }
  return unused;
}

static void *flip(void *word)
{
  for (uint64_t n = 0;; n++)
    __atomic_store_n((uint64_t *)word, n << 5 ^ n, __ATOMIC_RELAXED);
  return NULL;
}

/* The slots and their records change without pause, all of them taken. */
static void *flip_slots(void *unused)
{
  struct ulp_slot *records = (struct ulp_slot *)control->slot_records;
  memset((void *)control->slot_map, 0xff, ULP_SLOT_COUNT / 8);
  struct ulp_library *library = dlsym(RTLD_DEFAULT, "__ulp_library");
  for (uint32_t n = 0;; n++)
    for (int i = 0; i < ULP_SLOT_COUNT; i++) {
      records[i].library = (uint64_t)library;
      records[i].tls = (uint64_t)&records[(i + n) % ULP_SLOT_COUNT];
      records[i].moves = n;
    }
  return unused;
}

static void start(void *(*work)(void *), void *argument)
{
  pthread_t thread;
  pthread_create(&thread, NULL, work, argument);
}

static void bend(const char *how)
{
  struct link_map *second = _r_debug.r_map->l_next;
  if (!strcmp(how, "forged-answer"))
    start(forge, NULL);
  if (!strcmp(how, "state-flips"))
    start(flip, &control->state);
  if (!strcmp(how, "patches-flip"))
    start(flip, &control->patches);
  if (!strcmp(how, "slots-flip"))
    start(flip_slots, NULL);
  if (!strcmp(how, "wild-control"))
    memset((char *)control + 64, 0xa5, sizeof *control - 64);
  if (!strcmp(how, "link-map-loops"))
    second->l_next = second;
  if (!strcmp(how, "link-map-nowhere"))
    second->l_next = (struct link_map *)0xffff800000000000;
  if (!strcmp(how, "link-map-million"))
    for (int i = 0; i < 1000000; i++) {
      struct link_map *more = calloc(1, sizeof *more);
      more->l_next = second->l_next;
      second->l_next = more;
    }
  if (!strcmp(how, "endless-name"))
    second->l_name = memset(malloc(1 << 20), '\x9b', 1 << 20);
  if (!strcmp(how, "names"))
    prctl(PR_SET_NAME, "\x1b[2J)\n\xc2\x9b\xe2\x80\xae(");
  if (!strcmp(how, "shared-request")) {
    int fd = open(getenv("SHARED"), O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, 1 << 20))
      abort();
    control->request = (uint64_t)mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
}

static const char *reply(char *line)
{
  (void)line;
  return number(answer());
}

int main(int argc, char **argv)
{
  char *global = dlsym(RTLD_DEFAULT, "__ulp_global_abi3");
  control = (struct ulp_control *)(global - offsetof(struct ulp_control, universe));
  bend(argc > 1 ? argv[1] : "");
  return serve(reply);
}
