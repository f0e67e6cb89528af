#!/usr/bin/env node
/**
 * ulp-trigger on processes that were never changed, with this libpulp.so and with another one, in
 * turn: wall time of the whole command, medians and the median of the differences.
 * `node bench/fresh.mjs PAIRS OTHER_LIBPULP`
 */
import { compile, machine, median, preload, room, timed, bin } from './lib.mjs';
import { buildTarget, start, until } from './target.mjs';
import { readFileSync } from 'node:fs';

const runs = Number(process.argv[2] ?? 15);
const runtimes = [preload(), process.argv[3] ?? preload()];
const { library, metadata } = buildTarget();
const program = compile('idle', 'idle.c', library, `-Wl,-rpath,${room}`);

async function once(runtime) {
  const target = start(program, [], runtime);
  await until(() => readFileSync(`/proc/${target.pid}/maps`, 'utf8').includes('libbench.so'));
  // Its constructors have run when it waits for a line.
  await until(() => readFileSync(`/proc/${target.pid}/syscall`, 'utf8').startsWith('0 0x0 '));
  const { ms, status } = timed([bin('ulp-trigger'), String(target.pid), metadata]);
  target.kill();
  if (status !== 0) throw new Error(`ulp-trigger: exit ${status}`);
  return ms;
}

const measured = [[], []];
for (let i = -1; i < runs; i++)
  for (const which of i % 2 ? [1, 0] : [0, 1]) {
    const ms = await once(runtimes[which]);
    if (i >= 0) measured[which].push(ms);
  }
const [these, others] = measured;
const less = median(others.map((ms, i) => ms - these[i]));
console.log(`${machine()}; medians of ${runs} pairs`);
console.log(`this libpulp.so: ${median(these).toFixed(0)} ms`);
console.log(`the other one:   ${median(others).toFixed(0)} ms, ${less.toFixed(0)} ms more`);
