#!/usr/bin/env node
/**
 * `npm run fuzz -- [PARSER...] [--cases N] [--seed S] [--jobs N] [--input FILE]`: mutated inputs
 * for every parser that reads foreign bytes. A case fails when a parser throws anything but an
 * UlpError that is no defect, when an error's text draws on a terminal, when it takes longer than
 * 10 s, or when the memory bound is passed. What fails is kept.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { buildLibraries } from '../test-targets/fuzz/corpus.mjs';
import { PARSERS } from '../test-targets/fuzz/parsers.mjs';
import { buildPuppet } from '../test-targets/fuzz/processes.mjs';

const HEAP_MB = 512;
const RSS_MB = 2048;
const CASE_MS = 10_000;
/** Failures of one parser after which it is given up. */
const ENOUGH = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    input: { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(PARSERS);
for (const name of names)
  if (!PARSERS[name]) {
    console.error(`fuzz: ${name}: no such parser: expected ${Object.keys(PARSERS).join(', ')}`);
    process.exit(2);
  }
const [cases, seed, jobs] = [values.cases, values.seed, values.jobs].map(Number);
const room = join(import.meta.dirname, '../test-targets/build/fuzz', `${process.pid}`);
const kept = join(room, '..');
mkdirSync(room, { recursive: true });
const libraries = buildLibraries(room);
buildPuppet(room);

/**
 * Runs a share of the cases in a thread, and watches it. @returns outcomes that differ, failures,
 * the longest in ms
 */
function runThread(parser, first, count) {
  const heart = new SharedArrayBuffer(32);
  const beat = new Float64Array(heart);
  const failures = [];
  const keep = (index, message, bytes) => {
    const file = join(kept, `${parser}-${seed}-${index}`);
    if (bytes) writeFileSync(file, bytes);
    const again = bytes
      ? `npm run fuzz -- ${parser} --input ${file}`
      : `npm run fuzz -- ${parser} --seed ${seed} --cases ${cases} --jobs ${jobs}`;
    failures.push(index);
    console.error(
      `fuzz: ${parser}: case ${index} of seed ${seed} failed: ${message}\n  again: ${again}`,
    );
  };
  return new Promise((resolve) => {
    const input = values.input === undefined ? undefined : readFileSync(values.input);
    const worker = new Worker(new URL('../test-targets/fuzz/worker.mjs', import.meta.url), {
      workerData: { parser, seed, first, step: jobs, count, libraries, room, heart, input },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    let last = { cases: -1, at: Date.now() };
    const watch = setInterval(() => {
      // Its first case has not begun: the thread loads its modules.
      if (beat[3] === 0) return;
      if (beat[1] !== last.cases) last = { cases: beat[1], at: Date.now() };
      else if (Date.now() - last.at > CASE_MS) end(`takes longer than ${CASE_MS} ms`);
      const rss = process.memoryUsage.rss() >> 20;
      if (rss > RSS_MB) end(`${rss} MB of memory`);
    }, 500);
    let outcomes = 0;
    const end = (problem) => {
      if (problem) keep(beat[0], problem);
      clearInterval(watch);
      void worker.terminate();
      resolve({ done: beat[1], outcomes, failures, longest: beat[2] });
    };
    worker.on('message', ({ failed, done }) => {
      if (failed) keep(failed.index, failed.message, failed.bytes);
      if (failures.length >= ENOUGH) end();
      if (done === undefined) return;
      outcomes = done;
      end();
    });
    worker.on('error', (error) => end(String(error.stack ?? error)));
  });
}

const total = names.reduce((sum, name) => sum + PARSERS[name].share, 0);
let failed = 0;
let all = 0;
for (const name of names) {
  const own = Math.max(1, Math.round((cases * PARSERS[name].share) / total));
  const threads = values.input === undefined ? Math.min(jobs, own) : 1;
  const begin = performance.now();
  const results = await Promise.all(
    Array.from({ length: threads }, (_, i) => runThread(name, i, Math.ceil((own - i) / jobs))),
  );
  const done = results.reduce((sum, r) => sum + r.done, 0);
  const seconds = (performance.now() - begin) / 1000;
  failed += results.reduce((sum, r) => sum + r.failures.length, 0);
  all += done;
  console.log(
    [
      name.padEnd(15),
      `${done} cases`.padStart(16),
      `${Math.round(done / seconds)}/s`.padStart(10),
      `${Math.max(...results.map((r) => r.outcomes))} outcomes`.padStart(14),
      `longest ${Math.max(...results.map((r) => r.longest)).toFixed(0)} ms`,
    ].join('  '),
  );
}
rmSync(room, { recursive: true });
console.log(`${all} cases, seed ${seed}: ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
