/**
 * Applies a patch, takes it back and applies it again in each of many processes, faster than one
 * command after the other could: `node change-many.mjs FILE PID ...`. It prints `ready` and waits
 * for a line of input before it begins.
 */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { HANG_MS } from '../../../test-targets/harness/wait.cjs';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, revertPatch } = require('@ulp/trigger');

const [file, ...pids] = process.argv.slice(2);
const metadata = readMetadata(file);
const targets = pids.map((pid) => openProcess(Number(pid), { writable: true }));
console.log('ready');
await once(process.stdin, 'data');
await Promise.all(
  targets.map(async (target) => {
    for (const change of [applyPatch, revertPatch, applyPatch])
      await change(target, metadata, { timeoutMs: HANG_MS });
    target.close();
  }),
);
process.stdin.destroy();
