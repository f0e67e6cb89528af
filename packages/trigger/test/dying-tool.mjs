/**
 * A tool that kills itself: `node dying-tool.mjs PID FILE apply|revert STEP trigger|dispatcher [stop]`. A step is a
 * request to ptrace(2) or a write to the target's memory; it dies just before step number STEP; with `stop`, it
 * stops the target then (SIGSTOP) and goes on. Prints how many steps there were if it comes to its end.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const fs = require('node:fs');
const [pid, file, action, last, tool, stop] = process.argv.slice(2);
/** Requests to it are rehearsals. */
const NOBODY = 0x7fffffff;
let steps = 0;
const step = () => {
  if (++steps !== Number(last)) return;
  if (stop) process.kill(Number(pid), 'SIGSTOP');
  else process.kill(process.pid, 'SIGKILL');
};

const libcPath = require.resolve('@ulp/ptrace-ffi/libc');
const libc = require(libcPath);
const { writeSync } = fs;
const ptrace = (request, tid, ...more) => {
  if (tid !== NOBODY) step();
  return libc.ptrace(request, tid, ...more);
};
require.cache[libcPath].exports = { ...libc, ptrace };
fs.writeSync = (fd, ...args) => {
  // The tool's own memory: a rehearsal too.
  if (fs.readlinkSync(`/proc/self/fd/${fd}`) !== `/proc/${process.pid}/mem`) step();
  return writeSync(fd, ...args);
};

const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const target = openProcess(Number(pid), { writable: true });
const options = { timeoutMs: stop ? 300 : 10_000, dryRun: false };
if (tool === 'dispatcher') {
  const { dispatchOne } = require('@ulp/dispatcher');
  const dispatched = action === 'apply' ? 'patch' : 'revert';
  await dispatchOne(dispatched, target, readMetadata(file), options);
} else {
  const { applyPatch, revertPatch } = require('@ulp/trigger');
  await (action === 'apply' ? applyPatch : revertPatch)(target, readMetadata(file), options);
}
process.stdout.write(`${steps}\n`);
