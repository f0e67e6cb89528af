/** How many return slots are taken in a process. */
import { abi, pid as asPid, remoteAddress } from '@ulp/core';
import { findRuntime, openProcess } from '@ulp/ptrace-ffi';

export function takenSlots(pid: number): number {
  const process = openProcess(asPid(pid));
  try {
    const { slot_map } = findRuntime(process).readControl();
    const map = process.memory.read(remoteAddress(slot_map), abi.SLOT_COUNT / 8);
    let count = 0;
    for (let byte of map) for (; byte !== 0; byte &= byte - 1) count++;
    return count;
  } finally {
    process.close();
  }
}
