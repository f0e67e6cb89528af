/**
 * Applies and reverts a patch, faster than one command after the other could, and prints how often
 * it did both:
 *   node flap.mjs PID METADATA TIMES       so often; prints also how long the longest pair took, in
 *                                          ms
 *   node flap.mjs PID METADATA every MS    a change each so many milliseconds, until the process
 *                                          ends
 */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, revertPatch } = require('@ulp/trigger');

const [pid, file, times, pause] = process.argv.slice(2);
const patch = readMetadata(file);
const options = { timeoutMs: 20_000 };

async function flap(wanted) {
  const target = openProcess(Number(pid), { writable: true });
  let longest = 0;
  for (let pairs = 0; pairs < wanted; pairs++) {
    const begin = performance.now();
    await applyPatch(target, patch, options);
    await revertPatch(target, patch, options);
    longest = Math.max(longest, performance.now() - begin);
  }
  target.close();
  return `${wanted} ${Math.ceil(longest)}`;
}

/** The process still loads its libraries, or it has ended: what fails says so. */
const NOT_YET = /^(runtime|library)-/;
/** Before a change or in the middle of one. */
const GONE = ['process-missing', 'process-ended'];

async function flapUntilTheEnd(ms) {
  let target;
  let changes = 0;
  /** @returns whether the process is still there */
  const change = async () => {
    try {
      target ??= openProcess(Number(pid), { writable: true });
      await (changes % 2 === 0 ? applyPatch : revertPatch)(target, patch, options);
      changes++;
    } catch (error) {
      if (GONE.includes(error.code)) return false;
      if (changes > 0 || !NOT_YET.test(error.code)) throw error;
    }
    return true;
  };
  for (let begin = Date.now(); await change(); begin = Date.now())
    await delay(Math.max(0, begin + ms - Date.now()));
  target?.close();
  return Math.floor(changes / 2);
}

console.log(await (times === 'every' ? flapUntilTheEnd(Number(pause)) : flap(Number(times))));
