/**
 * Patches that come and go in one process, faster than one command after the other could make them:
 * `node changes.mjs PID FILE...`. It answers each line with `done`:
 *   to N   now N patches are applied, the first ones of FILE...; reverted ones may still be in
 *          memory
 *   be N   the same, and no reverted one is
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { waitFor } from './wait.cjs';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, checkPatch, revertPatch } = require('@ulp/trigger');

const [pid, ...files] = process.argv.slice(2);
const target = openProcess(Number(pid), { writable: true });
const patches = files.map((file) => readMetadata(file));
const options = { timeoutMs: 20_000 };
let applied = 0;
/** The last revert: it goes on to wait until the patch can be unloaded. */
let unloading;

async function change(wanted) {
  await unloading;
  while (applied < wanted) await applyPatch(target, patches[applied++], options);
  while (applied > wanted) {
    const patch = patches[--applied];
    await unloading;
    unloading = revertPatch(target, patch, options);
    let isOver = false;
    const over = unloading.finally(() => (isOver = true));
    // A failure is told below.
    over.catch(() => undefined);
    const look = () => isOver || checkPatch(target, patch).state;
    await waitFor('a revert', look, (seen) => seen !== 'applied', { pid: Number(pid) });
    if (isOver) await unloading;
  }
}

async function forget() {
  await unloading;
  for (const patch of patches.slice(applied))
    await waitFor(
      'an unloaded patch',
      async () => {
        const { state } = checkPatch(target, patch);
        if (state !== 'absent') await revertPatch(target, patch, options);
        return state;
      },
      (state) => state === 'absent',
      { pid: Number(pid) },
    );
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [what, count] = line.split(' ');
  await change(Number(count));
  if (what === 'be') await forget();
  console.log('done');
}
target.close();
