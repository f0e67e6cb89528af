/*
 * membarrier(2): every other core's store buffer and instruction stream, made to catch up.
 *
 * A process has to be registered first. While it has one thread that takes a microsecond; with
 * more, and the helper is one, the kernel waits for a grace period of RCU, some 15 to 20 ms. So it
 * is done at the start, where the process then has one thread. Afterwards it costs the core, when
 * that comes back to the process from being idle, at most one serializing instruction
 * (bench/switches.c). A child of fork inherits it; execve(2) ends it.
 *
 * One kind serves for memory and code: SYNC_CORE is a barrier for memory as well (membarrier(2)),
 * and two kinds would be two registrations.
 */
#include "runtime.h"

#include <dlfcn.h>
#include <linux/membarrier.h>
#include <sys/prctl.h>

static long membarrier(int command)
{
  return raw_syscall(SYS_membarrier, command, 0, 0);
}

static bool has_one_thread(void)
{
  const char *single = dlsym(RTLD_DEFAULT, "__libc_single_threaded");
  return single && *single;
}

/*
 * A filter that is older than the process may end it for a call that nobody asked for. It then is
 * read by the tool, before the helper makes the call.
 */
static bool has_filter(void)
{
  return raw_syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0) != 0;
}

bool barrier_begin(void)
{
  if (has_filter() || !has_one_thread())
    return true;
  return barrier_register();
}

bool barrier_register(void)
{
  return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}

bool barrier_memory(void)
{
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}

bool barrier_code(void)
{
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}
