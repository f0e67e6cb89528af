/** How many return slots are taken in a process. */
import { abi, pid as asPid, remoteAddress } from '@ulp/core';
import { findRuntime, openProcess, type Runtime } from '@ulp/ptrace-ffi';

/** But for those that whoever needs one next takes, see `late` in runtime/src/slots.c. */
export const takenSlots = (pid: number): number => count(pid, (late) => !late);

/** Those alone. */
export const forsakenSlots = (pid: number): number => count(pid, (late) => late);

function count(pid: number, wanted: (late: boolean) => boolean): number {
  const process = openProcess(asPid(pid));
  try {
    const alive = new Set(process.threads().map(({ targetTid }) => targetTid));
    return [...records(findRuntime(process))].filter(({ state, tid }) =>
      wanted(state === abi.SLOT.late && !alive.has(tid)),
    ).length;
  } finally {
    process.close();
  }
}

function* records(runtime: Runtime): Generator<abi.UlpSlot> {
  const { memory } = runtime.process;
  const { slot_map, slot_records } = runtime.readControl();
  const map = memory.read(remoteAddress(slot_map), abi.SLOT_COUNT / 8);
  for (let k = 0; k < abi.SLOT_COUNT; k++)
    if (((map[k >> 3] ?? 0) >> (k & 7)) & 1)
      yield memory.readStruct(
        abi.ulp_slot,
        remoteAddress(slot_records + BigInt(k * abi.ulp_slot.size)),
      );
}
