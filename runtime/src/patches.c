/* Applying and reverting a patch: the model is changed, then made visible (publish.c). Helper. */
#include "patches.h"
#include "image.h"
#include "request.h"

#include <dlfcn.h>
#include <string.h>

struct ulp_patch *ulp_patch_table;
struct scope *ulp_patch_scopes;

bool patch_is_applied(const struct ulp_patch *patch)
{
  uint64_t now = universe_now();
  return patch->state == ULP_PATCH_LIVE && patch->universe <= now &&
         (patch->reverted == 0 || patch->reverted > now);
}

struct ulp_patch *patch_applied(const uint8_t *id)
{
  for (uint32_t i = 0; i < ULP_LIMIT_PATCHES; i++)
    if (patch_is_applied(&ulp_patch_table[i]) &&
        memcmp(ulp_patch_table[i].id, id, ULP_PATCH_ID_SIZE) == 0)
      return &ulp_patch_table[i];
  return NULL;
}

static struct ulp_patch *free_entry(void)
{
  for (uint32_t i = 0; i < ULP_LIMIT_PATCHES; i++)
    if (ulp_patch_table[i].state == ULP_PATCH_FREE) {
      if (ulp_control_block.patches_used <= i)
        ulp_control_block.patches_used = i + 1;
      return &ulp_patch_table[i];
    }
  return NULL;
}

static struct scope *scope_of(const struct ulp_patch *patch)
{
  return &ulp_patch_scopes[patch - ulp_patch_table];
}

static bool scope_add(struct scope *scope, struct library *library)
{
  for (uint32_t i = 0; i < scope->count; i++)
    if (scope->libraries[i] == library)
      return true;
  if (scope->count == ULP_LIMIT_TARGETS)
    return false;
  scope->libraries[scope->count++] = library;
  return true;
}

/* Is this the face of a live-patchable library that is bound to this runtime? */
static bool is_ours(uint64_t descriptor)
{
  struct face face;
  return peek_library(descriptor, &face) && face.global == (uint64_t)&ulp_control_block.universe;
}

/* Does the old function begin as ulp-dynsym-gate and emit.c leave it? */
static bool entry_is_known(const struct ulp_request_function *function, const struct detour *detour)
{
  const uint8_t *bytes = (const uint8_t *)function->old_function;
  uint32_t at = function->entry_offset;
  if (at == 4 ? memcmp(bytes, "\xf3\x0f\x1e\xfa", 4) != 0 : at != 0)
    return false;
  uint64_t after = function->old_function + at + ULP_PADDING_AFTER;
  uint64_t padding = function->old_function - ULP_PADDING_BEFORE;
  uint8_t selector = (uint8_t)(padding + ULP_PADDING_SELECTOR - after);
  uint8_t chain = (uint8_t)(padding + ULP_PADDING_CHAIN_JUMP - after);
  bool at_rest = bytes[at] == ULP_ENTRY_REST;
  bool detoured = bytes[at] == ULP_ENTRY_DETOURED && detour->form != AT_REST;
  return (at_rest || detoured) && (bytes[at + 1] == selector || bytes[at + 1] == chain);
}

/* ---- apply ---- */

struct application {
  const struct request *request;
  struct text *text;
  struct ulp_patch *patch;
  struct image image; /* of the patch .so */
  uint64_t universe;
};

static uint32_t check_dependencies(const struct request *request)
{
  for (uint32_t i = 0; i < request->header.dependency_count; i++)
    if (!patch_applied(request->dependencies[i]))
      return fail(ULP_RESULT_DEPENDENCY_MISSING, "dependency %u of %u is not applied", i + 1,
                  request->header.dependency_count);
  return ULP_RESULT_OK;
}

/* The targets, and the targets of everything that the patch builds on. */
static uint32_t fill_scope(struct application *a)
{
  struct scope *scope = scope_of(a->patch);
  scope->count = 0;
  for (uint32_t i = 0; i < a->request->header.target_count; i++) {
    uint64_t descriptor = a->request->targets[i].library;
    /*
     * Once more when it is pinned: until then the program may have unloaded it, or loaded it
     * elsewhere.
     */
    struct library *library = is_ours(descriptor) ? library_of(descriptor) : NULL;
    if (!is_ours(descriptor))
      return fail(ULP_RESULT_LIBRARY_CHANGED, "target %u is no longer loaded", i + 1);
    if (!library)
      return fail(ULP_RESULT_NO_MEMORY, "no memory for target %u", i + 1);
    if (!scope_add(scope, library))
      return fail(ULP_RESULT_TABLE_FULL, "more than %u target libraries", ULP_LIMIT_TARGETS);
    a->patch->targets[i] = descriptor;
  }
  for (uint32_t i = 0; i < a->request->header.dependency_count; i++) {
    const struct scope *below = scope_of(patch_applied(a->request->dependencies[i]));
    for (uint32_t k = 0; k < below->count; k++)
      if (!scope_add(scope, below->libraries[k]))
        return fail(ULP_RESULT_TABLE_FULL, "more than %u libraries with those of the dependencies",
                    ULP_LIMIT_TARGETS);
  }
  return ULP_RESULT_OK;
}

static uint32_t check_functions(struct application *a)
{
  for (uint32_t i = 0; i < a->request->header.function_count; i++) {
    const struct ulp_request_function *function = &a->request->functions[i];
    struct library *library = library_of(a->request->targets[function->target].library);
    uint64_t padding = function->old_function - ULP_PADDING_BEFORE;
    size_t size = ULP_PADDING_BEFORE + function->entry_offset + ULP_PADDING_AFTER;
    bool is_there = padding >= library->low && padding < library->high && is_code(padding, size);
    struct detour *detour = is_there ? detour_of(library, function->old_function,
                                                 function->old_function + function->entry_offset)
                                     : NULL;
    if (is_there && !detour)
      return fail(ULP_RESULT_NO_MEMORY, "no memory for function %u", i + 1);
    if (!is_there || !entry_is_known(function, detour))
      return fail(ULP_RESULT_LIBRARY_CHANGED, "function %u does not begin as a gated one", i + 1);
    /* A write that changes nothing shows that the others will succeed. */
    if (!text_write_byte(a->text, detour->entry, *(const uint8_t *)detour->entry))
      return fail(ULP_RESULT_CODE_UNWRITABLE, "it may not write to its own code");
  }
  return ULP_RESULT_OK;
}

static uint32_t load(struct application *a)
{
  const struct ulp_request *header = &a->request->header;
  void *handle = dlopen(a->request->path, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(ULP_RESULT_LOAD_FAILED, "%s", dlerror());
  a->patch->handle = (uint64_t)handle;
  if (!image_of(handle, &a->image) || a->image.build_id_size != header->patch_build_id_size ||
      memcmp(a->image.build_id, header->patch_build_id, header->patch_build_id_size) != 0)
    return fail(ULP_RESULT_PATCH_CHANGED, "%s: what was loaded has another build-id",
                a->request->path);
  for (uint32_t i = 0; i < header->function_count; i++) {
    uint64_t code = a->image.load_bias + a->request->functions[i].new_function;
    if (code < a->image.low || code >= a->image.high || !is_code(code, 1))
      return fail(ULP_RESULT_PATCH_CHANGED, "%s: new function %u lies outside of its code",
                  a->request->path, i + 1);
  }
  return ULP_RESULT_OK;
}

static uint32_t add_versions(struct application *a)
{
  for (uint32_t i = 0; i < a->request->header.function_count; i++) {
    const struct ulp_request_function *function = &a->request->functions[i];
    struct detour *detour = detour_of(NULL, function->old_function, 0);
    uint64_t code = a->image.load_bias + function->new_function;
    if (detour && detour->versions && detour->versions->universe == a->universe)
      return fail(ULP_RESULT_BAD_REQUEST, "function %u is listed twice", i + 1);
    /* The version first: it is by this that forget_unpublished finds the layer. */
    if (!detour || !version_add(detour, a->universe, code, a->patch, scope_of(a->patch)) ||
        !layer_add(detour, a->patch, code))
      return fail(ULP_RESULT_NO_MEMORY, "no memory for function %u", i + 1);
  }
  return changes_prepare(a->text)
             ? ULP_RESULT_OK
             : fail(ULP_RESULT_NO_MEMORY, "no memory for code near the library");
}

static void describe(struct application *a)
{
  const struct ulp_request *header = &a->request->header;
  struct ulp_patch *patch = a->patch;
  memcpy(patch->id, header->patch_id, sizeof patch->id);
  patch->function_count = header->function_count;
  patch->dependency_count = header->dependency_count;
  patch->target_count = header->target_count;
  memcpy(patch->dependencies, a->request->dependencies,
         header->dependency_count * sizeof *a->request->dependencies);
  strncpy(patch->path, a->request->path, sizeof patch->path - 1);
  patch->base = a->image.load_bias;
  patch->end = a->image.high;
  patch->applied_at = header->time;
  patch->applied_uid = header->uid;
  patch->applied_pid = header->pid;
  patch->universe = a->universe;
  /* Applied from the store of the universe on: see patch_is_applied. */
  __atomic_store_n(&patch->state, ULP_PATCH_LIVE, __ATOMIC_RELEASE);
}

/*
 * Takes back what a universe that was never published has left in the model. Code that was not
 * switched yet says what the older versions say; code that was (before a failure, or in the parent
 * of this process) is switched back with the next universe.
 */
static void forget_unpublished(void)
{
  uint64_t now = universe_now();
  for (struct detour *detour = ulp_detours; detour; detour = detour->next) {
    struct version *gone = detour->versions;
    if (detour->next_stub.code)
      arena_free_code(detour->library->arenas, detour->next_stub.code, detour->next_stub.size);
    detour->next_stub = (struct stub){NULL, 0};
    if (!gone || gone->universe <= now)
      continue;
    detour->versions = gone->older;
    detour->changed = detour->changed ? detour->was_changed : true;
    if (gone->patch && gone->patch->universe > now)
      layer_remove(detour, gone->patch);
    gone->older = NULL;
    versions_drop(gone);
  }
}

uint32_t patch_apply(const struct request *request, struct text *text)
{
  if (patch_applied(request->header.patch_id))
    return ULP_RESULT_UNCHANGED;
  struct application a = {.request = request, .text = text, .universe = universe_now() + 1};
  uint32_t result = check_dependencies(request);
  if (result == ULP_RESULT_OK && !(a.patch = free_entry()))
    result = fail(ULP_RESULT_TABLE_FULL, "%u patches are in memory", ULP_LIMIT_PATCHES);
  if (result != ULP_RESULT_OK)
    return result;
  a.patch->universe = a.universe;
  if ((result = fill_scope(&a)) == ULP_RESULT_OK &&
      (result = check_functions(&a)) == ULP_RESULT_OK && (result = load(&a)) == ULP_RESULT_OK &&
      (result = add_versions(&a)) == ULP_RESULT_OK && (result = commit()) == ULP_RESULT_OK) {
    describe(&a);
    if (changes_switch(text, a.universe))
      return ULP_RESULT_OK;
    result =
        fail(ULP_RESULT_CODE_UNWRITABLE, "a write to code failed half way; nothing is in effect");
  }
  forget_unpublished();
  void *handle = (void *)a.patch->handle;
  memset(a.patch, 0, sizeof *a.patch);
  if (handle)
    dlclose(handle);
  return result;
}

/* ---- revert ---- */

static const struct ulp_patch *needed_by(const struct ulp_patch *patch)
{
  for (uint32_t i = 0; i < ULP_LIMIT_PATCHES; i++) {
    const struct ulp_patch *other = &ulp_patch_table[i];
    for (uint32_t k = 0; patch_is_applied(other) && k < other->dependency_count; k++)
      if (memcmp(other->dependencies[k], patch->id, ULP_PATCH_ID_SIZE) == 0)
        return other;
  }
  return NULL;
}

/* What lies below the patch becomes visible, where the patch is on top. */
static bool add_reverted_versions(struct ulp_patch *patch, uint64_t universe)
{
  for (struct detour *detour = ulp_detours; detour; detour = detour->next) {
    const struct layer *top = detour->layers;
    if (!top || top->patch != patch)
      continue;
    const struct layer *below = top->below;
    if (!version_add(detour, universe, below ? below->code : 0, below ? below->patch : NULL,
                     scope_of(patch)))
      return false;
  }
  return true;
}

uint32_t patch_revert(const struct request *request, struct text *text)
{
  struct ulp_patch *patch = patch_applied(request->header.patch_id);
  if (!patch)
    return ULP_RESULT_UNCHANGED;
  const struct ulp_patch *other = needed_by(patch);
  if (other)
    return fail(ULP_RESULT_DEPENDENCY_NEEDED, "%s needs it", other->path);
  uint64_t universe = universe_now() + 1;
  uint32_t result = ULP_RESULT_OK;
  if (!add_reverted_versions(patch, universe) || !changes_prepare(text))
    result = fail(ULP_RESULT_NO_MEMORY, "no memory for the way back");
  if (result == ULP_RESULT_OK)
    result = commit();
  if (result == ULP_RESULT_OK) {
    patch->reverted = universe; /* in effect from the store of the universe on */
    if (changes_switch(text, universe)) {
      for (struct detour *detour = ulp_detours; detour; detour = detour->next)
        layer_remove(detour, patch);
      return ULP_RESULT_OK;
    }
    patch->reverted = 0;
    result =
        fail(ULP_RESULT_CODE_UNWRITABLE, "a write to code failed half way; nothing is in effect");
  }
  forget_unpublished();
  return result;
}

void patches_recover(void)
{
  forget_unpublished();
  uint64_t now = universe_now();
  for (uint32_t i = 0; i < ULP_LIMIT_PATCHES; i++) {
    struct ulp_patch *patch = &ulp_patch_table[i];
    if (patch->universe > now)
      /* its .so stays loaded: this child cannot know how far it was */
      memset(patch, 0, sizeof *patch);
    else if (patch->reverted > now)
      patch->reverted = 0;
  }
}
