/* What threads may still stand in: freed when those that could have left. Helper. */
#include "patches.h"

#include <stdlib.h>

struct retired {
  struct retired *next;
  struct library *library;
  struct stub stub;
  uint64_t universe;
};
static struct retired *retired;

void retire_stub(struct library *library, struct stub stub, uint64_t universe)
{
  struct retired *entry = stub.code ? malloc(sizeof *entry) : NULL;
  if (!entry) /* no stub; or no memory, and then it just stays */
    return;
  *entry = (struct retired){retired, library, stub, universe};
  retired = entry;
}

void retired_free(uint64_t oldest)
{
  for (struct retired **link = &retired; *link;) {
    struct retired *entry = *link;
    if (entry->universe > oldest) {
      link = &entry->next;
      continue;
    }
    *link = entry->next;
    arena_free_code(entry->library->arenas, entry->stub.code, entry->stub.size);
    free(entry);
  }
}

bool retired_any(const struct library *library)
{
  for (const struct retired *entry = retired; entry; entry = entry->next)
    if (entry->library == library)
      return true;
  return false;
}
