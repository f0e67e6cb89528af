/* The constructor: fills the control block, which lies in control.S. Thread, before main. */
#include "runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <unistd.h>

/* Shadow stacks (x86 CET) are on in this thread: arch_prctl(2), ARCH_SHSTK_STATUS. */
static bool has_shadow_stack(void)
{
  enum { ARCH_SHSTK_STATUS = 0x5005 };
  uint64_t features = 0;
  return raw_syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS, &features) == 0 && (features & 1);
}

struct order {
  /* Of the addresses below, the one whose object comes first; 0: none was seen yet. */
  uint64_t first;
  uint64_t ours, libcs;
};

static int find_first(struct dl_phdr_info *info, size_t size, void *order)
{
  struct order *o = order;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    uint64_t end = start + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_LOAD)
      continue;
    if (o->ours >= start && o->ours < end)
      return o->first = o->ours, 1;
    if (o->libcs >= start && o->libcs < end)
      return o->first = o->libcs, 1;
  }
  return 0;
}

/*
 * Is libc in front of us, so that calls of longjmp go there? Not when preloaded, or linked to the
 * program.
 */
static bool is_late(void)
{
  struct order order = {0, (uint64_t)&ulp_control_block,
                        (uint64_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version")};
  dl_iterate_phdr(find_first, &order);
  return order.first != order.ours;
}

/*
 * Does valgrind run this? It keeps its own translation of the code, its own map of the memory and
 * its own threads. A request as in valgrind.h (RUNNING_ON_VALGRIND); a processor turns rdi round
 * twice.
 */
static bool is_interpreted(void)
{
  uint64_t request[6] = {0x1001}, answer = 0;
  __asm__ volatile(
      "rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
      : "+d"(answer)
      : "a"(request)
      : "cc", "memory");
  return answer != 0;
}

/*
 * What the first constructor and the last destructor of a live-patchable library call; nothing
 * needs it yet.
 */
ULP_EXPORT void __ulp_library_begins(const struct ulp_library *library, const void *header)
{
  (void)library, (void)header;
}

ULP_EXPORT void __ulp_library_ends(const struct ulp_library *library, const void *header)
{
  (void)library, (void)header;
}

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

__attribute__((constructor)) static void start(void)
{
  struct ulp_control *control = &ulp_control_block;
  int error = errno;
  /* Of two copies in one process only the one that libraries are bound to may work. */
  if (dlsym(RTLD_DEFAULT, TEXT(__ulp_global)) != &control->universe)
    return;
  control->abi = ULP_ABI_VERSION;
  control->size = sizeof *control;
  control->pid = (uint32_t)getpid();
  control->slots = (uint64_t)__ulp_slots;
  control->slot_records = (uint64_t)__ulp_slot_records;
  control->slot_map = (uint64_t)ulp_slot_map;
  control->state = ULP_STATE_DONE;
  if (has_shadow_stack())
    control->flags |= ULP_RUNTIME_FLAG_SHADOW_STACK;
  if (is_interpreted())
    control->flags |= ULP_RUNTIME_FLAG_INTERPRETED;
  if (is_late())
    control->flags |= ULP_RUNTIME_FLAG_LATE;
  else if (!barrier_begin())
    control->flags |= ULP_RUNTIME_FLAG_NO_MEMBARRIER;
  record_open(__ulp_slot_records);
  longjmp_init();
  frameless_init();
  threads_init();
  pins_init();
  if (!request_init() || !helper_init())
    control->flags |= ULP_RUNTIME_FLAG_NO_HELPER;
  __atomic_store_n(&control->magic, ULP_MAGIC_CONTROL, __ATOMIC_RELEASE);
  errno = error;
}
