#!/usr/bin/env node
/**
 * Random programs over three live-patchable libraries, while five patches come and go: see
 * test-targets/random/README.md. A failure prints its seed and the smallest program that still
 * fails; exit code 1.
 *
 *   node scripts/random-programs.mjs --minutes 10 --seed 1
 *   node scripts/random-programs.mjs --programs 500 --without COPY,FORGET
 *   node scripts/random-programs.mjs --text 'THREAD:0.0.0[CALL:0.0.0[]]'
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from '../test-targets/random/build.mjs';
import { run } from '../test-targets/random/run.mjs';
import { shrink } from '../test-targets/random/shrink.mjs';
import { root } from './prepare.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    programs: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    modes: { type: 'string', default: 'alone,asked,beside,copier' },
    without: { type: 'string', default: '' },
    mixed: { type: 'boolean', default: false },
    bare: { type: 'boolean', default: false },
    text: { type: 'string' },
    tries: { type: 'string', default: '300' },
    folder: { type: 'string' },
  },
});

const scratch = process.env.ULP_TEST_SCRATCH ?? join(root, 'test-targets/build/scratch');
mkdirSync(scratch, { recursive: true });
const folder = values.folder ?? mkdtempSync(join(scratch, 'random-'));
const without = values.without
  .split(',')
  .filter(Boolean)
  .map((kind) => `${kind}=0`);

/**
 * How programs are run, and what of `programs` is run so:
 *   alone   no patch ever; one after the other
 *   asked   patches come and go when a program says so, so that it does the same whenever it is run
 *   beside  patches come and go beside three threads that run programs, under a storm of signals
 *   copier  the same, where the runtime knows of something that copies stacks
 * What docs/limits.md excepts is left out where there are patches: copiers of which the runtime
 * does not know, and switches that nobody sees into another thread.
 */
const built = build(folder, values);
const SEEN = ['FORGET=0', 'moves=0'];
const BESIDE = ['threads=3', 'storm=1500', ...SEEN];
const MODES = {
  alone: { share: 4, words: [], options: {} },
  asked: { share: 1, words: ['CHANGE=8', ...SEEN, 'COPY=0'], options: {} },
  beside: { share: 4, words: [...BESIDE, 'COPY=0'], options: { flapMs: 3 } },
  copier: {
    share: 1,
    words: [...BESIDE, `load=${built.copier}`],
    options: { flapMs: 3, mayStay: true },
  },
};

const runIn = (mode, words, seed, more = {}) =>
  run(built, folder, {
    words: [...MODES[mode].words, ...without, ...words],
    ...MODES[mode].options,
    ...more,
    bare: values.bare,
    seed,
  });

/** The programs of the threads that ran when the process died; the failure may name one of them. */
const suspects = ({ failure, current }) => {
  if (failure.startsWith('stays')) return [];
  const [, named] = /^program (\d+)/.exec(failure) ?? [];
  return named ? [Number(named)] : current.filter((seed) => seed > 0);
};

const textOf = (mode, seed) =>
  execFileSync(built.program, ['-', ...MODES[mode].words, ...without, `seed=${seed}`, 'print'], {
    encoding: 'utf8',
  }).trim();

/** Beside others, a failure takes several tries to come again. */
const repeats = { alone: 2, asked: 2, beside: 2000, copier: 2000 };

/** While it is made smaller, a program that hangs is not waited for as long. */
const failureOf = async (mode, text) =>
  (await runIn(mode, [`text=${text}`, `count=${repeats[mode]}`], 1, { stalledMs: 3000 })).failure;

const failsIn = (mode) => async (text) => (await failureOf(mode, text)) !== undefined;

async function explain(mode, result) {
  console.log(`FAILED (${mode}): ${result.failure}`);
  for (const seed of suspects(result)) {
    const text = textOf(mode, seed);
    console.log(`seed ${seed}: ${text}`);
    const tries = Number(values.tries);
    if (tries === 0) continue;
    if (!(await failsIn(mode)(text))) {
      console.log('  which does not fail by itself');
      continue;
    }
    const small = await shrink(text, failsIn(mode), tries);
    console.log(`  smallest: ${small}\n  ${await failureOf(mode, small)}`);
    console.log(
      `  again: node scripts/random-programs.mjs --modes ${mode} --text '${small}'` +
        (values.without ? ` --without ${values.without}` : ''),
    );
    break;
  }
}

async function batch(mode, seed, count) {
  const words = values.text ? [`text=${values.text}`] : [`seed=${seed}`];
  const result = await runIn(mode, [...words, `count=${count}`], seed);
  console.log(
    `${mode}: ${result.done} programs from seed ${seed} on, ${result.changes} changes` +
      (result.failure ? '' : ', ok'),
  );
  if (!result.failure) return true;
  if (values.text) console.log(`FAILED (${mode}): ${result.failure}`);
  else await explain(mode, result);
  return false;
}

let ok = true;
const modes = values.modes.split(',');
const end = values.minutes === undefined ? 0 : Date.now() + Number(values.minutes) * 60_000;
let seed = Number(values.seed);
do {
  for (const mode of modes) {
    const count = values.text ? repeats[mode] : Number(values.programs) * MODES[mode].share;
    ok &&= await batch(mode, seed, count);
  }
  seed += Number(values.programs) * 4;
} while (ok && Date.now() < end);
if (ok && !values.folder) rmSync(folder, { recursive: true });
process.exitCode = ok ? 0 : 1;
