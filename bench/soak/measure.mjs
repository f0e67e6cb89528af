/** What a target holds: memory, mappings, descriptors, threads, return slots. */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { mappings } from '../resident.mjs';

const require = createRequire(import.meta.url);
const { abi, remoteAddress } = require('@ulp/core');
const { findRuntime } = require('@ulp/ptrace-ffi');

/** @param target an open process */
export function measure(target) {
  const maps = mappings(target.pid);
  const sum = (of) => maps.reduce((total, mapping) => total + of(mapping), 0);
  return {
    'resident KiB': sum((m) => m.anonymous + m.file),
    'private KiB': sum((m) => m.anonymous),
    mappings: maps.length,
    descriptors: readdirSync(`/proc/${target.pid}/fd`).length,
    threads: readdirSync(`/proc/${target.pid}/task`).length,
    'slots in use': slots(findRuntime(target)),
  };
}

function slots(runtime) {
  const { slot_map } = runtime.readControl();
  const map = runtime.process.memory.read(remoteAddress(slot_map), abi.SLOT_COUNT / 8);
  let used = 0;
  for (let byte of map) for (; byte !== 0; byte >>= 1) used += byte & 1;
  return used;
}
