/* Libraries, detours, layers and versions: the lists and nothing else. Helper. */
#include "patches.h"
#include "image.h"

#include <dlfcn.h>
#include <stdlib.h>

struct library *ulp_libraries;
struct detour *ulp_detours;

struct library *library_of(uint64_t descriptor)
{
  for (struct library *library = ulp_libraries; library; library = library->next)
    if (library->descriptor == descriptor)
      return library;
  struct image image;
  struct face face;
  if (!image_at(descriptor, &image) || !peek_library(descriptor, &face))
    return NULL;
  struct library *library = calloc(1, sizeof *library);
  if (!library)
    return NULL;
  library->descriptor = descriptor;
  library->tpoff = (int32_t)(int64_t)face.tpoff;
  library->low = image.low;
  library->high = image.high;
  /*
   * Found by its name among the loaded ones, no file is looked at; the program itself has no name.
   */
  library->pin = dlopen(image.name[0] ? image.name : NULL, RTLD_NOW | RTLD_NOLOAD);
  if (!library->pin) { /* unloaded since */
    free(library);
    return NULL;
  }
  library->next = ulp_libraries;
  ulp_libraries = library;
  return library;
}

struct detour *detour_of(struct library *library, uint64_t function, uint64_t entry)
{
  for (struct detour *detour = ulp_detours; detour; detour = detour->next)
    if (detour->function == function)
      return detour;
  struct detour *detour = calloc(1, sizeof *detour);
  if (!detour)
    return NULL;
  detour->library = library;
  detour->function = function;
  detour->entry = entry;
  detour->next = ulp_detours;
  ulp_detours = detour;
  return detour;
}

bool version_add(struct detour *detour, uint64_t universe, uint64_t code, struct ulp_patch *patch,
                 const struct scope *scope)
{
  struct version *version = malloc(sizeof *version);
  if (!version)
    return false;
  *version = (struct version){detour->versions, universe, code, patch, scope};
  detour->versions = version;
  detour->was_changed = detour->changed;
  detour->changed = true;
  return true;
}

void versions_drop(struct version *versions)
{
  for (struct version *older; versions; versions = older) {
    older = versions->older;
    free(versions);
  }
}

bool layer_add(struct detour *detour, struct ulp_patch *patch, uint64_t code)
{
  struct layer *layer = malloc(sizeof *layer);
  if (!layer)
    return false;
  *layer = (struct layer){detour->layers, patch, code};
  detour->layers = layer;
  return true;
}

void layer_remove(struct detour *detour, const struct ulp_patch *patch)
{
  for (struct layer **link = &detour->layers; *link; link = &(*link)->below)
    if ((*link)->patch == patch) {
      struct layer *gone = *link;
      *link = gone->below;
      free(gone);
      return;
    }
}

static bool in_use(const struct library *library)
{
  for (const struct detour *detour = ulp_detours; detour; detour = detour->next)
    if (detour->library == library &&
        (detour->versions || detour->layers || detour->changed || detour->selected_code))
      return true;
  return retired_any(library);
}

static void detours_forget(const struct library *library)
{
  for (struct detour **link = &ulp_detours; *link;) {
    struct detour *detour = *link;
    if (detour->library == library) {
      *link = detour->next;
      free(detour);
    } else
      link = &detour->next;
  }
}

void libraries_release(void)
{
  for (struct library **link = &ulp_libraries; *link;) {
    struct library *library = *link;
    if (in_use(library)) {
      link = &library->next;
      continue;
    }
    *link = library->next;
    detours_forget(library);
    arena_free_all(library->arenas);
    if (library->pin)
      dlclose(library->pin);
    free(library);
  }
}
