/**
 * Applies a patch, takes it back and applies it again in each of many processes, faster than one command
 * after the other could: `node change-many.mjs FILE PID ...`
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, revertPatch } = require('@ulp/trigger');

const [file, ...pids] = process.argv.slice(2);
const metadata = readMetadata(file);
for (const pid of pids.map(Number)) {
  const target = openProcess(pid, { writable: true });
  for (const change of [applyPatch, revertPatch, applyPatch])
    await change(target, metadata, { timeoutMs: 10_000 });
  target.close();
}
