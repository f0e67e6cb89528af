/**
 * Has a thread the stack that borrowing it takes? A frame would be written even into a guard page,
 * because a tracer may write anywhere (FOLL_FORCE of Linux), and the first push of the gadget would
 * be the end of the process.
 */
import { remoteAddress } from '@ulp/core';
import { mappingAt, type Mapping, type Memory } from '@ulp/ptrace-ffi';

/**
 * Bytes below a thread's rsp. Used are 384 at most: the red zone of 128, the resume frame of 152,
 * and the calls of the gadget's tail (runtime/src/gadget.c, -fstack-usage: 96 and 8); or, where a
 * time-out is repeated, 344 in all.
 */
export const STACK_BYTES = 512n;

/**
 * The stack of the first thread grows when a tracer, as well as the thread itself, uses what lies
 * below it. So that is done here: the kernel knows whether it may (by the tracer's RLIMIT_STACK),
 * and the thread never has to.
 * @param maps of the thread's process, as late as may be
 * @param sp the thread's rsp
 */
export function hasStack(maps: readonly Mapping[], memory: Memory, sp: bigint): boolean {
  if (sp < STACK_BYTES) return false;
  const lowest = remoteAddress(sp - STACK_BYTES);
  // They lie in two pages at most.
  const low = mappingAt(maps, lowest);
  const high = mappingAt(maps, sp - 1n) ?? mappingAt(maps, sp);
  if (!high?.writable) return false;
  if (low) return low.writable;
  return high.path === '[stack]' && memory.tryRead(lowest, 1) !== undefined;
}
