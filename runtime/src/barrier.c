/*
 * membarrier(2): every other core's store buffer, or instruction stream, made to catch up. Helper.
 */
#include "runtime.h"

#include <linux/membarrier.h>

enum {
  NEEDED = MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
           MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
           MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
};

static long membarrier(int command)
{
  return raw_syscall(SYS_membarrier, command, 0, 0);
}

bool barrier_exists(void)
{
  long commands = membarrier(MEMBARRIER_CMD_QUERY);
  return commands >= 0 && (commands & NEEDED) == NEEDED;
}

/* Not done by the constructor: a process that is never patched shall not pay for it. */
bool barrier_register(void)
{
  return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
         membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}

bool barrier_memory(void)
{
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

bool barrier_code(void)
{
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}
