/**
 * A tool that lives long: it applies, reverts and checks through the library, and tells its own
 * memory. Asked by lines, answers by lines: `apply|revert|check PID FILE`, `forget PID FILE` (until
 * it is unloaded), `measure PID`, `memory`. Needs --expose-gc.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { measure } from './measure.mjs';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, checkPatch, revertPatch } = require('@ulp/trigger');

const options = { timeoutMs: 60_000 };
const MIB = 1 << 20;

const verbs = {
  apply: async (process, patch) => (await applyPatch(process, patch, options)).changed,
  revert: async (process, patch) => (await revertPatch(process, patch, options)).changed,
  check: (process, patch) => checkPatch(process, patch).state,
  async forget(process, patch) {
    const end = Date.now() + options.timeoutMs;
    for (; checkPatch(process, patch).state !== 'absent'; await delay(5)) {
      if (Date.now() > end) return 'still there';
      await revertPatch(process, patch, options);
    }
    return 'absent';
  },
};

async function ask([verb, pid, file]) {
  if (verb === 'memory') return memory();
  const target = openProcess(Number(pid), { writable: verb !== 'check' && verb !== 'measure' });
  try {
    return verb === 'measure' ? measure(target) : await verbs[verb](target, readMetadata(file));
  } catch (error) {
    return error.code ?? String(error);
  } finally {
    target.close();
  }
}

async function memory() {
  for (let i = 0; i < 3; i++, await delay(10)) globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  const code = getHeapSpaceStatistics()
    .filter(({ space_name: name }) => name.startsWith('code'))
    .reduce((sum, { space_used_size: size }) => sum + size, 0);
  return {
    'resident MiB': rss / MIB,
    // V8 compiles for hours what it finds worth it.
    'heap without code MiB': (heapUsed - code) / MIB,
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await ask(line.split(' '))));
