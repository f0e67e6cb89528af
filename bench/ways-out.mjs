#!/usr/bin/env node
/**
 * A throw and a longjmp through one frame of a live-patchable library, and a thread's first call
 * into it, against the same with a plain library, in pairs, in one process.
 * `node bench/ways-out.mjs [ROUNDS]`
 */
import { machine, preload } from './lib.mjs';
import { liveLibrary, patch, plainLibrary, program } from './libraries.mjs';
import { withProgram } from './program.mjs';

const rounds = Number(process.argv[2] ?? 101);

// Exceptions need the frames of the libraries.
const plain = plainLibrary('libplain', 'calls-library.c', 'plain', '-fexceptions');
const live = liveLibrary('liblive', 'calls-library.c', 'live', '-fexceptions');
const fix = patch('ways_out_patch', 'calls-patch.c', [[live, [['live_00', 'ways_out_patch_00']]]]);
const waysOut = program('ways-out', 'ways-out.cc', [plain, live], '-lstdc++');

console.log(machine());
console.log(
  `ns, plain and what live costs more: median (10th .. 90th percentile) of ${rounds} pairs\n`,
);
const column = (text) => text.padEnd(38);
console.log(
  `${''.padEnd(20)} ${['throw', 'longjmp', 'first call in a thread'].map(column).join('')}`.trimEnd(),
);

async function measure(target, name) {
  const numbers = (await target.ask(`measure ${rounds}`)).trim().split(' ').map(Number);
  const cells = [0, 4, 8].map((at) => {
    const [ns, low, more, high] = numbers.slice(at, at + 4).map((value) => value.toFixed(0));
    return column(`${ns} + ${more} (${low} .. ${high})`);
  });
  console.log(`${name.padEnd(20)} ${cells.join('')}`.trimEnd());
}

await withProgram(waysOut, {}, (target) => measure(target, 'without libpulp.so'));
await withProgram(waysOut, { LD_PRELOAD: preload() }, async (target) => {
  await measure(target, 'tracked');
  target.apply(fix);
  await measure(target, 'patched');
});
