/**
 * A tool of which each step is seen: a request to ptrace(2), or a write to the target's memory; and
 * each read of it.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const fs = require('node:fs');
const libcPath = require.resolve('@ulp/ptrace-ffi/libc');
const libc = require(libcPath);
const { readSync, writeSync } = fs;
/** Requests to it are rehearsals. */
const NOBODY = 0x7fffffff;

/** Is it the memory of another process? Our own is for rehearsals. */
function isForeign(fd) {
  const name = fs.readlinkSync(`/proc/self/fd/${fd}`);
  return name.endsWith('/mem') && name !== `/proc/${process.pid}/mem`;
}

/**
 * Has `around` called at each step, before anything else uses the packages.
 * @param around (kind, action): kind is a request's number, 'write' or 'read'; does action(), and
 * returns what it returns
 */
export function watchSteps(around) {
  const ptrace = (request, tid, ...more) => {
    const action = () => libc.ptrace(request, tid, ...more);
    return tid === NOBODY ? action() : around(request, action);
  };
  require.cache[libcPath].exports = { ...libc, ptrace };
  const watch =
    (kind, transfer) =>
    (fd, ...args) => {
      const action = () => transfer(fd, ...args);
      return isForeign(fd) ? around(kind, action) : action();
    };
  fs.writeSync = watch('write', writeSync);
  fs.readSync = watch('read', readSync);
}

/** As ulp-trigger, or as ulp-dispatcher for one process. */
export async function runTool(pid, file, action, tool, timeoutMs) {
  const { readMetadata } = require('@ulp/metadata');
  const { openProcess } = require('@ulp/ptrace-ffi');
  const target = openProcess(Number(pid), { writable: true });
  const options = { timeoutMs, dryRun: false };
  if (tool === 'dispatcher') {
    const { dispatchOne } = require('@ulp/dispatcher');
    const dispatched = action === 'apply' ? 'patch' : 'revert';
    await dispatchOne(dispatched, target, readMetadata(file), options);
  } else {
    const { applyPatch, revertPatch } = require('@ulp/trigger');
    await (action === 'apply' ? applyPatch : revertPatch)(target, readMetadata(file), options);
  }
}
