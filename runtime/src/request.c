/*
 * Reads a tool's request, every number of which may be wrong, and answers it. Helper.
 *
 * The request's buffer and the tables of patches are memory that cannot be written: it then counts
 * neither for RLIMIT_DATA nor for what the kernel has promised (overcommit) in a process that is
 * never patched. A tool writes its request through /proc/PID/mem, which no protection stops; the
 * helper opens the tables at its first request.
 */
#include "request.h"
#include "patches.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
  PATCHES_BYTES = ULP_LIMIT_PATCHES * sizeof(struct ulp_patch),
  SCOPES_BYTES = ULP_LIMIT_PATCHES * sizeof(struct scope),
};
_Static_assert(ULP_LIMIT_REQUEST_BYTES % 4096 == 0 && PATCHES_BYTES % 64 == 0,
               "each part is aligned");

static const uint8_t *buffer;
static uint64_t current; /* sequence number */

bool request_init(void)
{
  uint8_t *low = mmap(NULL, ULP_LIMIT_REQUEST_BYTES + PATCHES_BYTES + SCOPES_BYTES, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (low == MAP_FAILED)
    return false;
  buffer = low;
  ulp_patch_table = (struct ulp_patch *)(low + ULP_LIMIT_REQUEST_BYTES);
  ulp_patch_scopes = (struct scope *)(low + ULP_LIMIT_REQUEST_BYTES + PATCHES_BYTES);
  ulp_control_block.request = (uint64_t)buffer;
  ulp_control_block.request_size = ULP_LIMIT_REQUEST_BYTES;
  ulp_control_block.patches = (uint64_t)ulp_patch_table;
  return true;
}

static bool tables_open(void)
{
  return mprotect(ulp_patch_table, PATCHES_BYTES + SCOPES_BYTES, PROT_READ | PROT_WRITE) == 0;
}

uint32_t fail(uint32_t result, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(ulp_control_block.message, sizeof ulp_control_block.message, format, arguments);
  va_end(arguments);
  return result;
}

static void set_phase(uint32_t phase)
{
  __atomic_store_n(&ulp_control_block.phase, current << 8 | phase, __ATOMIC_SEQ_CST);
}

/*
 * Stores the phase, then reads `cancel`, both sequentially consistent; the tool writes `cancel`,
 * then reads the phase. Whoever comes second sees the first.
 */
uint32_t commit(void)
{
  set_phase(ULP_PHASE_COMMITTING);
  if (__atomic_load_n(&ulp_control_block.cancel, __ATOMIC_SEQ_CST) != current)
    return ULP_RESULT_OK;
  return fail(ULP_RESULT_CANCELLED, "the tool gave up waiting");
}

/* Do `count` elements of `size` bytes lie at `offset` of a request of `length` bytes, aligned? */
static bool lies_inside(uint32_t length, uint32_t offset, uint32_t count, size_t size)
{
  return offset % 8 == 0 && offset >= sizeof(struct ulp_request) && offset <= length &&
         count <= (length - offset) / size;
}

static bool read_request(struct request *request)
{
  memcpy(&request->header, buffer, sizeof request->header);
  const struct ulp_request *h = &request->header;
  if (h->version != ULP_REQUEST_VERSION || h->flags != 0 || h->slot_count != 0 ||
      h->length < sizeof *h || h->length > ULP_LIMIT_REQUEST_BYTES)
    return false;
  if (h->operation == ULP_OPERATION_COLLECT)
    return true;
  if (h->target_count > ULP_LIMIT_TARGETS || h->function_count > ULP_LIMIT_FUNCTIONS ||
      h->dependency_count > ULP_LIMIT_DEPENDENCIES || h->patch_build_id_size > ULP_BUILD_ID_SIZE ||
      !lies_inside(h->length, h->targets, h->target_count, sizeof *request->targets) ||
      !lies_inside(h->length, h->functions, h->function_count, sizeof *request->functions) ||
      !lies_inside(h->length, h->dependencies, h->dependency_count, ULP_PATCH_ID_SIZE) ||
      !lies_inside(h->length, h->path, 1, 1))
    return false;
  request->targets = (const struct ulp_request_target *)(buffer + h->targets);
  request->functions = (const struct ulp_request_function *)(buffer + h->functions);
  request->dependencies = (const uint8_t (*)[ULP_PATCH_ID_SIZE])(buffer + h->dependencies);
  request->path = (const char *)buffer + h->path;
  size_t room = h->length - h->path;
  if (strnlen(request->path, room) == room || strlen(request->path) >= ULP_LIMIT_PATH_BYTES)
    return false;
  if (h->operation == ULP_OPERATION_REVERT)
    return true;
  if (h->operation != ULP_OPERATION_APPLY || h->target_count == 0 || h->function_count == 0)
    return false;
  for (uint32_t i = 0; i < h->function_count; i++)
    if (request->functions[i].target >= h->target_count ||
        (request->functions[i].entry_offset != 0 && request->functions[i].entry_offset != 4))
      return false;
  return true;
}

static uint32_t answer(struct text *text)
{
  struct request request;
  if (!read_request(&request))
    return fail(ULP_RESULT_BAD_REQUEST, "the request makes no sense");
  if (!barrier_register())
    return fail(ULP_RESULT_BARRIER_DENIED, "membarrier(2) is denied, perhaps by a seccomp filter");
  patches_recover();
  if (universe_now() >= UINT32_MAX - 256)
    return fail(ULP_RESULT_TABLE_FULL, "the universes are used up");
  uint64_t before = universe_now();
  uint32_t result = request.header.operation == ULP_OPERATION_APPLY ? patch_apply(&request, text)
                    : request.header.operation == ULP_OPERATION_REVERT
                        ? patch_revert(&request, text)
                        : ULP_RESULT_OK;
  if (universe_now() != before)
    ulp_control_block.result_universe = universe_now();
  if (result == ULP_RESULT_OK) {
    set_phase(ULP_PHASE_COMMITTED);
    ulp_control_block.retained = collect(text);
  } else
    libraries_release(); /* what was pinned for nothing */
  return result;
}

void request_run(uint64_t sequence, bool has_stack)
{
  struct ulp_control *control = &ulp_control_block;
  struct text text;
  current = sequence;
  set_phase(ULP_PHASE_PREPARING);
  control->message[0] = '\0';
  control->result_universe = 0;
  if (!has_stack || !tables_open()) {
    control->result = fail(ULP_RESULT_NO_MEMORY, "no memory for the helper's stack and tables");
    return;
  }
  if (!text_open(&text)) {
    control->result =
        fail(ULP_RESULT_CODE_UNWRITABLE, "/proc/thread-self/mem: %s", strerror(errno));
    return;
  }
  control->result = answer(&text);
  text_close(&text);
  if (control->result == ULP_RESULT_CANCELLED)
    set_phase(ULP_PHASE_CANCELLED);
}
