#!/usr/bin/env node
/**
 * The stop of the borrowed thread, seen from inside targets of 1, 16 and 256 threads.
 * `node bench/stop.mjs [ROUNDS [ROW]]`
 *
 * busy     the first thread reads the clock without pause. Alone it is the one that is borrowed;
 *          among sleepers it must see nothing
 * asleep   the first thread sleeps 50 us again and again, so it is the one that is borrowed, and
 *          wakes late
 *
 * In each round, one after the other, the same target
 *   alone     is left alone, for as long as ulp-trigger takes
 *   dry run   sees `ulp-trigger --dry-run`, which stops nobody
 *   tool      is patched, or reverted, by a fresh process of `ulp-trigger`
 *   C floor   has a fresh process of stop-floor.c do the same to the thread that the tool would
 *             take
 * A gap is a stop or a time slice of somebody else; the kernel's counts of context switches tell
 * which. So a noisy machine makes fewer gaps count (those in which both happened do not), and adds
 * little to those that do.
 *
 * `sleepers` is how many of the other threads were stopped at most, in each of the four. The tools
 * are kept on one processor (taskset(1)).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bin, compile, machine, median, room, root } from './lib.mjs';
import { buildTarget, start, until } from './target.mjs';

const require = createRequire(import.meta.url);
const { openProcess, findRuntime } = require('@ulp/ptrace-ffi');
const { abi, remoteAddress, sleep } = require('@ulp/core');
const { candidates, encodeCollect } = require('@ulp/trigger/internals');

const rounds = Number(process.argv[2] ?? 40);
const only = process.argv[3];
const { library, metadata } = buildTarget();
const program = compile('stop', 'stop.c', library, `-Wl,-rpath,${room}`, '-pthread');
const floor = compile('stop-floor', 'stop-floor.c', `-I${join(root, 'runtime/build')}`);
const GAPS = 65536;
const NR_READ = 0;
const onOne = (file, ...args) =>
  execFileSync('taskset', ['-c', '0', file, ...args.map(String)], { stdio: 'ignore' });

/** The gaps that began between two moments (CLOCK_MONOTONIC, ns), in us. */
function gaps(file, from, to) {
  const bytes = readFileSync(file);
  const count = Number(bytes.readBigInt64LE(8));
  const found = [];
  for (let i = Math.max(0, count - GAPS); i < count; i++) {
    const [start, length, stops, slices] = [0, 8, 16, 24].map((field) =>
      bytes.readBigInt64LE(16 + (i % GAPS) * 32 + field),
    );
    if (start < from || start > to) continue;
    found.push({ us: Number(length) / 1000, stops: Number(stops), slices: Number(slices) });
  }
  return found;
}

/**
 * How often each thread but the first has given its processor away itself: once more for each stop
 * in its sleep.
 */
function switches(pid) {
  const counts = new Map();
  for (const tid of readdirSync(`/proc/${pid}/task`))
    try {
      const text = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
      if (tid !== String(pid)) counts.set(tid, /^voluntary_ctxt_switches:\s*(\d+)/m.exec(text)[1]);
    } catch {
      // The helper, which has ended.
    }
  return counts;
}

/**
 * A request for the C floor: free what is out of use. The helper's part of it takes microseconds.
 */
function request(target) {
  const runtime = findRuntime(target);
  const control = runtime.readControl();
  const word = (((control.state >> 8n) + 1n) << 8n) | BigInt(abi.STATE.requested);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(word);
  target.memory.write(remoteAddress(control.request), encodeCollect(), 'request');
  const state = runtime.address + BigInt(abi.ulp_control.offset.state);
  target.memory.write(remoteAddress(state), bytes, 'state');
  const { gadget, helper_tls, helper_stack, tid_address, clone_flags } = control;
  return {
    args: [gadget, helper_tls, helper_stack, tid_address, clone_flags, word],
    isDone: () => {
      const now = runtime.readControl().state;
      return (
        now === ((word & ~0xffn) | BigInt(abi.STATE.done)) &&
        target.memory.read(remoteAddress(tid_address), 4).readUInt32LE() === 0
      );
    },
  };
}

async function measure(threads, mode) {
  const file = join(room, `gaps-${threads}-${mode}`);
  const child = start(program, [file, String(threads), mode]);
  await until(() => {
    try {
      return readFileSync(file).readBigInt64LE(0) === 1n;
    } catch {
      return false;
    }
  });
  const sleepers = () =>
    readdirSync(`/proc/${child.pid}/task`).filter((tid) => tid !== `${child.pid}`);
  const calls = () => sleepers().map((tid) => target.asleep(Number(tid))?.syscall);
  const target = openProcess(child.pid, { writable: true });
  await until(() => calls().every((call) => call === NR_READ));
  const seen = { alone: [], 'dry run': [], tool: [], 'C floor': [] };
  const stopped = { alone: [], 'dry run': [], tool: [], 'C floor': [] };
  const during = async (column, action) => {
    const before = switches(child.pid);
    const from = process.hrtime.bigint();
    await action();
    const to = process.hrtime.bigint();
    const after = switches(child.pid);
    stopped[column].push([...before].filter(([tid, count]) => after.get(tid) !== count).length);
    seen[column].push(gaps(file, from, to));
    return Number(to - from) / 1e6;
  };
  let took = 100;
  for (let i = 0; i < rounds; i++) {
    const trigger = (...more) =>
      onOne(bin('ulp-trigger'), child.pid, metadata, ...(i % 2 ? ['--revert'] : []), ...more);
    await during('alone', () => sleep(took));
    await during('dry run', () => trigger('--dry-run'));
    took = await during('tool', () => trigger());
    const { args, isDone } = request(target);
    await during('C floor', () => onOne(floor, candidates(target)[0].tid, ...args));
    await until(isDone);
  }
  target.close();
  child.stdin.end();
  return { seen, stopped };
}

/**
 * The stops: how many, median and the tenth part's upper bound; without any, the longest gap of
 * each time.
 */
function text(times) {
  const stops = times.flat().filter((gap) => gap.stops > 0);
  const clean = stops.filter((gap) => gap.slices === 0).map((gap) => gap.us);
  if (stops.length === 0)
    return `none (${median(times.map((list) => Math.max(0, ...list.map((g) => g.us)))).toFixed(0)})`;
  if (clean.length === 0) return `${stops.length}, none clean`;
  clean.sort((a, b) => a - b);
  const nine = clean[Math.floor(clean.length * 0.9)];
  return `${median(clean).toFixed(0)} (${nine.toFixed(0)}), ${clean.length} of ${stops.length}`;
}

console.log(
  `${machine()}, ${rounds} rounds; stops in us, median (9 of 10 below), clean ones of all;`,
);
console.log('without a stop: none (the longest gap, median)');
const line = (...cells) =>
  console.log(
    cells
      .map((c) => String(c).padEnd(22))
      .join('')
      .trimEnd(),
  );
line('threads', 'alone', 'dry run', 'tool', 'C floor', 'sleepers');
for (const mode of ['busy', 'asleep'])
  for (const threads of [1, 16, 256]) {
    const name = `${threads}, ${mode}`;
    if (only && only !== name) continue;
    const { seen, stopped } = await measure(threads, mode);
    const sleepers = Object.values(stopped).map((counts) => Math.max(...counts));
    line(name, ...Object.values(seen).map(text), sleepers.join(' '));
  }
