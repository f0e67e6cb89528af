// @ts-check
/**
 * Waiting until something has happened. A bound here is against hanging: it asserts no timing, and
 * is far above what any machine needs. A wait that ends without success says what it waited for and
 * what it saw last.
 */
'use strict';
const { readFileSync } = require('node:fs');
const { setTimeout: delay } = require('node:timers/promises');
const { inspect } = require('node:util');

/** How many times slower than others this machine is. */
const SLOWNESS = Number(process.env.ULP_TEST_SLOWNESS ?? 1);
/** Until a condition holds, or a process answers with a line. */
const HANG_MS = 60_000 * SLOWNESS;
/** Until a program has ended. */
const PROGRAM_MS = 110_000 * SLOWNESS;
/** Until a test has ended: above the others, so that what hangs is named. */
const TEST_MS = 300_000 * SLOWNESS;
/** The same for what builds, installs, or works through all there is. */
const LONG_MS = 3_600_000 * SLOWNESS;

const PAUSE_MS = 1;

/**
 * @typedef {object} Bound
 * @property {number} [ms]
 * @property {number} [pid] of the process that is waited for: described when the wait is in vain
 */

/**
 * A line of /proc/PID/status, as in `State` or `TracerPid`.
 * @param {number | string} pid or a path below /proc
 * @param {string} field
 */
function statusOf(pid, field) {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
}

/**
 * The letter that proc(5) gives the state of a thread: S sleeps, T is stopped, t is traced.
 * @param {number | string} pid or a path below /proc
 */
const stateOf = (pid) => statusOf(pid, 'State').charAt(0);

/**
 * The number of the system call that a thread is in, or `running`.
 * @param {number | string} pid or a path below /proc
 */
const callOf = (pid) => readFileSync(`/proc/${pid}/syscall`, 'latin1').trim().split(' ')[0] ?? '';

/** @param {() => string} tell */
function orWhyNot(tell) {
  try {
    return tell();
  } catch (error) {
    return `not known (${/** @type {NodeJS.ErrnoException} */ (error).code ?? error})`;
  }
}

/** @param {number} pid */
function describe(pid) {
  const name = orWhyNot(() => statusOf(pid, 'Name'));
  const state = orWhyNot(() => statusOf(pid, 'State'));
  return `process ${pid} (${name}): state ${state}, system call ${orWhyNot(() => callOf(pid))}`;
}

/**
 * @param {string} what
 * @param {unknown} seen
 * @param {Bound} bound
 */
function inVain(what, seen, { ms = HANG_MS, pid }) {
  const process = pid === undefined ? '' : `; ${describe(pid)}`;
  return new Error(`waited ${ms / 1000} s for: ${what}; seen last: ${inspect(seen)}${process}`);
}

/**
 * Looks, with short pauses that leave the processor to others, until it is enough.
 * @template T
 * @param {string} what is waited for, for the message
 * @param {() => T | Promise<T>} look
 * @param {(seen: T) => unknown} isEnough
 * @param {Bound} [bound]
 * @returns {Promise<T>} what it saw last
 */
async function waitFor(what, look, isEnough, bound = {}) {
  const end = performance.now() + (bound.ms ?? HANG_MS);
  let seen = await look();
  for (; !isEnough(seen); seen = await look()) {
    if (performance.now() > end) throw inVain(what, seen, bound);
    await delay(PAUSE_MS);
  }
  return seen;
}

/**
 * The same where nothing else of this program may run meanwhile.
 * @template T
 * @param {string} what
 * @param {() => T} look
 * @param {(seen: T) => unknown} isEnough
 * @param {Bound} [bound]
 * @returns {T}
 */
function waitSync(what, look, isEnough, bound = {}) {
  const end = performance.now() + (bound.ms ?? HANG_MS);
  const never = new Int32Array(new SharedArrayBuffer(4));
  let seen = look();
  for (; !isEnough(seen); seen = look()) {
    if (performance.now() > end) throw inVain(what, seen, bound);
    Atomics.wait(never, 0, 0, PAUSE_MS);
  }
  return seen;
}

/**
 * Gives what is promised, in time.
 * @template T
 * @param {string} what
 * @param {Promise<T>} promise
 * @param {Bound & { seen?: () => unknown }} [bound]
 * @returns {Promise<T>}
 */
async function inTime(what, promise, { seen, ...bound } = {}) {
  const over = new AbortController();
  const late = delay(bound.ms ?? HANG_MS, undefined, { signal: over.signal }).then(() => {
    throw inVain(what, seen?.(), bound);
  });
  // It is called off below.
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

module.exports = {
  SLOWNESS,
  HANG_MS,
  PROGRAM_MS,
  TEST_MS,
  LONG_MS,
  statusOf,
  stateOf,
  callOf,
  waitFor,
  waitSync,
  inTime,
};
