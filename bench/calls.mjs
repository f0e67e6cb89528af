#!/usr/bin/env node
/**
 * A call into a live-patchable library against one into a plain library, in pairs, in one process:
 * without libpulp.so, with it, and patched in several ways; one function and 64 in rotation, one
 * thread and two. `node bench/calls.mjs [ROUNDS]`
 */
import { machine, preload } from './lib.mjs';
import { liveLibrary, patch, plainLibrary, program } from './libraries.mjs';
import { withProgram } from './program.mjs';

const rounds = Number(process.argv[2] ?? 101);

const plain = plainLibrary('libplain', 'calls-library.c', 'plain');
const live = liveLibrary('liblive', 'calls-library.c', 'live');
const other = liveLibrary('libother', 'calls-library.c', 'other');
const calls = program('calls', 'calls.c', [plain, live, '-Wl,--no-as-needed', other]);

const NAMES = Array.from({ length: 64 }, (_, i) => i.toString(8).padStart(2, '0'));
const all = (prefix, name) => NAMES.map((n) => [`${prefix}_${n}`, `${name}_${n}`]);
const patches = Array.from({ length: 8 }, (_, i) => {
  const name = `calls_patch${i + 1}`;
  return patch(name, 'calls-patch.c', [[live, all('live', name)]]);
});
const two = patch('calls_two', 'calls-patch.c', [
  [live, all('live', 'calls_two')],
  [other, [['other_00', 'calls_two_00']]],
]);

const column = (text) => text.padEnd(24);
console.log(machine());
console.log(
  `ns that a live call costs more: median (10th .. 90th percentile) of ${rounds} pairs\n`,
);
console.log(
  `${'functions in rotation, threads'.padEnd(38)} plain  ${column('more, outermost')}more, nested`,
);

async function measure(target, name, threads = [1, 2]) {
  for (const count of threads)
    for (const functions of [1, 64]) {
      const answer = await target.ask(`measure ${rounds} ${functions} ${count}`);
      const [ns, ...more] = answer.split(' ').map((value) => Number(value).toFixed(2));
      const cell = ([low, median, high]) => column(`${median} (${low} .. ${high})`);
      console.log(
        `${name.padEnd(30)} ${String(functions).padStart(4)} ${count}  ${ns.padStart(5)}  ` +
          `${cell(more.slice(0, 3))}${cell(more.slice(3))}`.trimEnd(),
      );
    }
}

await withProgram(calls, {}, (target) => measure(target, 'without libpulp.so'));

const env = { LD_PRELOAD: preload() };
await withProgram(calls, env, async (target) => {
  await measure(target, 'tracked');
  // versions are kept while a thread may need them: this one may need the original
  await target.ask('hold');
  for (const [i, file] of patches.entries()) {
    target.apply(file);
    if ([1, 2, 8].includes(i + 1)) await measure(target, `patched, versions: ${i + 1}`);
  }
  await target.ask('release');
  for (const file of patches.toReversed()) target.revert(file);
  await measure(target, 'reverted');
});
await withProgram(calls, env, async (target) => {
  target.apply(two);
  await measure(target, 'patched, two targets');
});
await withProgram(calls, env, async (target) => {
  await target.ask('enter'); // a thread of the old universe: the test of every version fails
  for (const file of patches) target.apply(file);
  await measure(target, 'inside since before 8 patches', [1]);
  await target.ask('leave');
});
