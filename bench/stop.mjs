#!/usr/bin/env node
/**
 * The stop of the borrowed thread, seen from inside the target: a thread that reads the clock without
 * pause notes the gaps. `node bench/stop.mjs [ROUNDS]`
 *
 * alone     the only thread is the busy one, so it is the one that is borrowed
 * sleepers  15 threads sleep: one of them is borrowed, and the busy one must see nothing
 * dry run     the same target while `ulp-trigger --dry-run` runs, which stops nobody: the machine's own noise
 *
 * The tool is kept on one processor (taskset(1)), so that the target has the other one: what is wanted is the stop,
 * and not the time slices that the tool's own threads take.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, compile, machine, median, room } from './lib.mjs';
import { buildTarget, start, until } from './target.mjs';

const rounds = Number(process.argv[2] ?? 40);
const { library, metadata } = buildTarget();
const program = compile('stop', 'stop.c', library, `-Wl,-rpath,${room}`, '-pthread');

/** Longest gap in microseconds that began between two moments (CLOCK_MONOTONIC, ns). */
function longestGap(file, from, to) {
  const bytes = readFileSync(file);
  const count = Number(bytes.readBigInt64LE(8));
  let longest = 0;
  for (let i = Math.max(0, count - 65536); i < count; i++) {
    const at = 16 + (i % 65536) * 16;
    const begin = bytes.readBigInt64LE(at);
    if (begin >= from && begin <= to)
      longest = Math.max(longest, Number(bytes.readBigInt64LE(at + 8)));
  }
  return longest / 1000;
}

function during(file, action) {
  const from = process.hrtime.bigint();
  action();
  return longestGap(file, from, process.hrtime.bigint());
}

console.log(`${machine()}, ${rounds} rounds; longest gap in us, median and worst`);
for (const [name, sleepers] of [
  ['alone', 0],
  ['sleepers', 15],
]) {
  const file = join(room, `gaps-${name}`);
  const target = start(program, [file, String(sleepers)]);
  await until(() => {
    try {
      return readFileSync(file).readBigInt64LE(0) === 1n;
    } catch {
      return false;
    }
  });
  const pid = String(target.pid);
  const patched = [];
  const quiet = [];
  for (let i = 0; i < rounds; i++) {
    const options = i % 2 ? ['--revert'] : [];
    const trigger = (...more) =>
      execFileSync('taskset', ['-c', '0', bin('ulp-trigger'), pid, metadata, ...options, ...more], {
        stdio: 'ignore',
      });
    quiet.push(during(file, () => trigger('--dry-run')));
    patched.push(during(file, () => trigger()));
  }
  target.stdin.end();
  const row = (gaps) =>
    `${median(gaps).toFixed(0).padStart(6)} ${Math.max(...gaps)
      .toFixed(0)
      .padStart(7)}`;
  console.log(`${name.padEnd(10)} ulp-trigger ${row(patched)}   dry run ${row(quiet)}`);
}
