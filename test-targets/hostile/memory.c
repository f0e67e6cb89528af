/* Lies in the memory of libpulp.so, in the loader's list and in names. */
#include "hostile.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

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

static void forged_answer(char **unused)
{
  start(forge, unused);
}

static void *flip(void *word)
{
  for (uint64_t n = 0;; n++)
    __atomic_store_n((uint64_t *)word, n << 5 ^ n, __ATOMIC_RELAXED);
  return NULL;
}

static void state_flips(char **unused)
{
  (void)unused;
  start(flip, &control->state);
}

static void patches_flip(char **unused)
{
  (void)unused;
  start(flip, &control->patches);
}

/* The slots and their records change without pause, all of them taken. */
static void *flip_slots(void *unused)
{
  struct ulp_slot *records = (struct ulp_slot *)control->slot_records;
  /* libpulp.so opens them piece by piece; all of them are to look taken. */
  mprotect(records, ULP_SLOT_COUNT * sizeof *records, PROT_READ | PROT_WRITE);
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

static void slots_flip(char **unused)
{
  start(flip_slots, unused);
}

static void wild_control(char **unused)
{
  (void)unused;
  memset((char *)control + 64, 0xa5, sizeof *control - 64);
}

static struct link_map *second(void)
{
  return _r_debug.r_map->l_next;
}

static void link_map_loops(char **unused)
{
  (void)unused;
  second()->l_next = second();
}

static void link_map_nowhere(char **unused)
{
  (void)unused;
  second()->l_next = (struct link_map *)0xffff800000000000;
}

static void link_map_million(char **unused)
{
  (void)unused;
  for (int i = 0; i < 1000000; i++) {
    struct link_map *more = calloc(1, sizeof *more);
    more->l_next = second()->l_next;
    second()->l_next = more;
  }
}

static void lead_tools_to(uint64_t r_debug)
{
  for (ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
    if (d->d_tag == DT_DEBUG)
      d->d_un.d_ptr = r_debug;
}

static void r_debug_nowhere(char **unused)
{
  (void)unused;
  lead_tools_to(0xdead00000000000);
}

/* One of the namespaces of dlmopen is followed by itself. */
static void r_debug_loops(char **unused)
{
  static struct r_debug_extended last;
  (void)unused;
  last.base = _r_debug;
  last.base.r_version = 2;
  last.r_next = &last;
  lead_tools_to((uint64_t)&last);
}

static void endless_name(char **unused)
{
  (void)unused;
  second()->l_name = memset(malloc(1 << 20), '\x9b', 1 << 20);
}

static void names(char **unused)
{
  (void)unused;
  prctl(PR_SET_NAME, "\x1b[2J)\n\xc2\x9b\xe2\x80\xae(");
}

/* The library, as code, more often than any program has libraries. */
static void images_many(char **library)
{
  int fd = open(library[0], O_RDONLY);
  for (int i = 0; i < 8200; i++)
    if (mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
      abort();
}

/* Requests would be written to the file of that name. */
static void shared_request(char **file)
{
  int fd = open(file[0], O_RDWR);
  void *shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED)
    abort();
  control->request = (uint64_t)shared;
}

const struct mode modes[] = {
    {"forged-answer", forged_answer},
    {"state-flips", state_flips},
    {"patches-flip", patches_flip},
    {"slots-flip", slots_flip},
    {"wild-control", wild_control},
    {"link-map-loops", link_map_loops},
    {"link-map-nowhere", link_map_nowhere},
    {"link-map-million", link_map_million},
    {"r-debug-nowhere", r_debug_nowhere},
    {"r-debug-loops", r_debug_loops},
    {"endless-name", endless_name},
    {"names", names},
    {"images-many", images_many},
    {"shared-request", shared_request},
    {NULL, NULL},
};
