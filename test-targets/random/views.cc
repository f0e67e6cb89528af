/*
 * The checker: what a flow of control sees in one outermost call of a library must be of one
 * universe.
 *
 *   - Each function of a library is of one version as long as the library is not left.
 *   - All functions of a patch agree on whether the patch is seen, as long as the libraries of its
 *     scope (its own, and those of the patches on which it depends) are not all left.
 *
 * A library is left when the call returns in which it was first entered. A sibling call is not such
 * a call: the library is entered for the caller that is returned to in the end. So only calls that
 * return count (random_begin, random_end); what jumps or throws ends, where it arrives, all calls
 * that it has left.
 */
#include "world.h"

#include <cstring>

enum { a, b, c };

static struct table {
  bool covers[PATCHES][LIBRARIES][FUNCTIONS], scope[PATCHES][LIBRARIES];
  table()
  {
#define COVERS(patch, library, function)       \
  covers[patch][library][F_##function] = true; \
  scope[patch][library] = true;
#define DEPENDS(patch, other)         \
  for (int i = 0; i < LIBRARIES; i++) \
    scope[patch][i] |= scope[other][i];
#include "patches.def"
  }
} table;

void view_clear(struct view *view)
{
  memset(view, 0, sizeof *view);
  memset(view->seen, -1, sizeof view->seen);
}

void view_leave(struct view *view, unsigned depth)
{
  for (int i = 0; i < LIBRARIES; i++)
    if (view->owner[i] > depth) {
      view->owner[i] = 0;
      memset(view->seen[i], -1, sizeof view->seen[i]);
    }
  for (int i = 0; i < PATCHES; i++)
    if (view->patch_owner[i] > depth)
      view->patch_owner[i] = 0;
}

void context_clear(struct context *context)
{
  memset(context, 0, sizeof *context);
  context->now.depth = 1;
  view_clear(&context->view);
}

static void saw_patch(struct view *view, int patch, bool is_seen, int where)
{
  if (view->patch_owner[patch] == 0) {
    unsigned first = ~0u;
    for (int i = 0; i < LIBRARIES; i++)
      if (table.scope[patch][i] && view->owner[i] != 0 && view->owner[i] < first)
        first = view->owner[i];
    view->patch_owner[patch] = first;
    view->patch_seen[patch] = is_seen;
  } else if (view->patch_seen[patch] != is_seen)
    random_wrong(
        is_seen
            ? "a patch that was not seen in this call is seen now: patch, library * 100 + function"
            : "a patch that was seen in this call is not seen now: patch, library * 100 + function",
        patch, where);
}

extern "C" void random_saw(int library, int function, int version)
{
  struct context *now = context();
  struct view *view = &now->view;
  const int where = library * 100 + function;
  if (view->owner[library] == 0)
    view->owner[library] = now->now.depth;
  short *seen = &view->seen[library][function];
  if (*seen >= 0 && *seen != version)
    random_wrong("a function has changed within a call: library * 100 + function, its versions",
                 where, *seen * 10 + version);
  *seen = (short)version;
  if (version > 0)
    saw_patch(view, version - 1, true, where);
  else
    for (int i = 0; i < PATCHES; i++)
      if (table.covers[i][library][function])
        saw_patch(view, i, false, where);
}

extern "C" struct mark random_begin(void)
{
  struct context *now = context();
  const struct mark before = now->now;
  now->now.depth++;
  return before;
}

extern "C" void random_end(const struct mark *mark)
{
  struct context *now = context();
  now->now = *mark;
  view_leave(&now->view, mark->depth);
}

extern "C" void random_catches(void)
{
  context()->now.catches++;
}
