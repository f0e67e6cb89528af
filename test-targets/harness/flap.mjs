/**
 * `node flap.mjs PID METADATA TIMES`: applies and reverts a patch so many times, faster than one command after the other
 * could. Prints how often it did.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, revertPatch } = require('@ulp/trigger');

const [pid, file, times] = process.argv.slice(2);
const target = openProcess(Number(pid), { writable: true });
const patch = readMetadata(file);
let pairs = 0;
while (pairs < Number(times)) {
  await applyPatch(target, patch, { timeoutMs: 20_000 });
  await revertPatch(target, patch, { timeoutMs: 20_000 });
  pairs++;
}
target.close();
console.log(pairs);
