/*
 * Memory that the code of a library can reach by a 32-bit displacement: one page of pointers, which
 * are data, and fifteen pages of code, which are never writable (text.c writes them). Given out in
 * units; a bitmap knows which are taken. An arena is aligned to its size and begins with a mark.
 * Helper.
 */
#include "arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
  PAGE = 4096,
  ARENA_BYTES = 16 * PAGE,
  /* A cache line: a stub that shares one with another costs up to half a nanosecond more. */
  CODE_UNIT = 64,
  CODE_UNITS = (ARENA_BYTES - PAGE) / CODE_UNIT,
  POINTERS = PAGE / 8,
};
static const uint64_t MARK = 0x414e455241504c55; /* ULPARENA */
static const uint64_t REACH = 0x7fff0000;        /* a little less than 2 GB */

struct arena {
  struct arena *next;
  uint8_t *base; /* the page of pointers, then the code */
  bool code_taken[CODE_UNITS];
  bool pointer_taken[POINTERS];
};

/*
 * Maps ARENA_BYTES somewhere in [low, high), in a gap of /proc/thread-self/maps, the gap nearest to
 * `high`.
 */
static uint8_t *map_between(uint64_t low, uint64_t high)
{
  FILE *maps = fopen("/proc/thread-self/maps", "re");
  if (!maps)
    return NULL;
  char *line = NULL;
  size_t room = 0;
  uint64_t end = low, from, to;
  uint8_t *found = NULL;
  while (!found && getline(&line, &room, maps) > 0) {
    if (sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) != 2)
      continue;
    /* A gap is [end, from); another thread may map into it meanwhile: then the next gap. */
    uint64_t top = from < high ? from : high;
    if (top >= end + 2 * ARENA_BYTES && top - 2 * ARENA_BYTES >= low) {
      uint64_t at = (top - ARENA_BYTES) & ~(uint64_t)(ARENA_BYTES - 1);
      void *room_there = mmap((void *)at, ARENA_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (room_there != MAP_FAILED)
        found = room_there;
    }
    if (to > end)
      end = to;
    if (end >= high)
      break;
  }
  free(line);
  fclose(maps);
  return found;
}

static struct arena *arena_new(uint64_t low, uint64_t high)
{
  struct arena *arena = calloc(1, sizeof *arena);
  if (!arena)
    return NULL;
  uint64_t bottom = high > REACH ? high - REACH : PAGE;
  arena->base = map_between(bottom < 0x10000 ? 0x10000 : bottom, low + REACH);
  /* Code that was never written reads as zero, and nothing leads there. */
  if (arena->base && mmap(arena->base + PAGE, ARENA_BYTES - PAGE, PROT_READ | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    munmap(arena->base, ARENA_BYTES);
    arena->base = NULL;
  }
  if (!arena->base) {
    free(arena);
    return NULL;
  }
  *(uint64_t *)arena->base = MARK;
  arena->pointer_taken[0] = true;
  return arena;
}

bool arena_holds(uint64_t address)
{
  uint64_t base = address & ~(uint64_t)(ARENA_BYTES - 1), mark;
  return address >= base + PAGE && peek(base, &mark, sizeof mark) && mark == MARK;
}

/* First run of `count` free units; takes it. -1: none. */
static int take(bool *taken, int units, int count)
{
  for (int i = 0, run = 0; i < units; i++) {
    run = taken[i] ? 0 : run + 1;
    if (run < count)
      continue;
    for (int k = i - count + 1; k <= i; k++)
      taken[k] = true;
    return i - count + 1;
  }
  return -1;
}

static int units_of(size_t size)
{
  return (int)((size + CODE_UNIT - 1) / CODE_UNIT);
}

void *arena_code(struct arena **arenas, uint64_t low, uint64_t high, size_t size)
{
  if (units_of(size) > CODE_UNITS)
    return NULL;
  for (struct arena *arena = *arenas; arena; arena = arena->next) {
    int unit = take(arena->code_taken, CODE_UNITS, units_of(size));
    if (unit >= 0)
      return arena->base + PAGE + unit * CODE_UNIT;
  }
  struct arena *arena = arena_new(low, high);
  if (!arena)
    return NULL;
  arena->next = *arenas;
  *arenas = arena;
  return arena_code(arenas, low, high, size);
}

uint64_t *arena_pointer(struct arena **arenas, uint64_t low, uint64_t high)
{
  for (struct arena *arena = *arenas; arena; arena = arena->next) {
    int unit = take(arena->pointer_taken, POINTERS, 1);
    if (unit >= 0)
      return (uint64_t *)arena->base + unit;
  }
  struct arena *arena = arena_new(low, high);
  if (!arena)
    return NULL;
  arena->next = *arenas;
  *arenas = arena;
  return arena_pointer(arenas, low, high);
}

void arena_free_code(struct arena *arenas, void *code, size_t size)
{
  for (struct arena *arena = arenas; arena; arena = arena->next) {
    uint8_t *first = arena->base + PAGE;
    if ((uint8_t *)code < first || (uint8_t *)code >= arena->base + ARENA_BYTES)
      continue;
    int unit = (int)(((uint8_t *)code - first) / CODE_UNIT);
    for (int i = 0; i < units_of(size); i++)
      arena->code_taken[unit + i] = false;
    return;
  }
}

void arena_free_all(struct arena *arenas)
{
  for (struct arena *next; arenas; arenas = next) {
    next = arenas->next;
    munmap(arenas->base, ARENA_BYTES);
    free(arenas);
  }
}
