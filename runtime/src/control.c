/* The constructor: fills the control block, which lies in control.S. Thread, before main. */
#include "runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

/* Shadow stacks (x86 CET) are on in this thread: arch_prctl(2), ARCH_SHSTK_STATUS. */
static bool has_shadow_stack(void)
{
  enum { ARCH_SHSTK_STATUS = 0x5005 };
  uint64_t features = 0;
  return raw_syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS, &features) == 0 && (features & 1);
}

__attribute__((constructor)) static void start(void)
{
  struct ulp_control *control = &ulp_control_block;
  int error = errno;
  /* Of two copies in one process only the one that libraries are bound to may work. */
  if (dlsym(RTLD_DEFAULT, "__ulp_global") != &control->universe)
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
  if (!barrier_exists())
    control->flags |= ULP_RUNTIME_FLAG_NO_MEMBARRIER;
  longjmp_init();
  threads_init();
  request_init();
  if (!helper_init())
    control->flags |= ULP_RUNTIME_FLAG_NO_HELPER;
  __atomic_store_n(&control->magic, ULP_MAGIC_CONTROL, __ATOMIC_RELEASE);
  errno = error;
}
