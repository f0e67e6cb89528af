/**
 * Every way into and out of a library, before, with and after a patch, and while one comes and
 * goes.
 */
import { readFileSync } from 'node:fs';
import {
  expectAll,
  expectAllOutside,
  runAll,
  underLoad,
  whileSuspended,
  type Results,
} from '../harness/cases';
import { takenSlots } from '../harness/slots';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { prepareWays, type Ways } from '../harness/ways';
import { PROGRAM_MS, waitFor } from '../harness/wait.cjs';

interface Prepared extends Ways {
  readonly target: Target;
}

async function prepare(s: Scenario, ...only: string[]): Promise<Prepared> {
  const ways = prepareWays(s);
  return { ...ways, target: await s.start(ways.program, { args: only }) };
}

/**
 * Those that do not wait inside; and the one that nobody can see leaving, so that it migrates late.
 */
const others = (before: number): Record<string, RegExp> => ({
  'registers-outermost': new RegExp(`^${before}>${before}$`),
  'registers-first': new RegExp(`^${before}>${before}$`),
  'shapes-outermost': new RegExp(`^${before}>${before}$`),
  'builtin-longjmp-deeper': new RegExp(`^${before}>[12]$`),
});

if (!/ avx512f /.test(readFileSync('/proc/cpuinfo', 'utf8')))
  console.warn('skipped: the registers of AVX-512, which this processor does not have');

scenario('each way, before, with and after a patch', async (s) => {
  const { target, patch, both } = await prepare(s);
  await runAll(target); // the first thread has the slots that it needs from here on
  const slots = takenSlots(target.pid);
  for (const [act, version] of [
    [() => undefined, 1],
    [() => s.apply(target, patch), 2],
    [() => s.apply(target, both), 2],
    [() => s.revert(target, patch), 2],
    [() => s.revert(target, both), 1],
  ] as const) {
    act();
    expectAll(await runAll(target), `${version}>${version}`);
    expectAllOutside(target);
  }
  expect(target.maps()).not.toMatch(/fix\.so|both\.so/);
  expect(takenSlots(target.pid)).toBe(slots);
});

scenario('each way, suspended inside while a patch comes or goes', async (s) => {
  const { target, patch, both } = await prepare(s);
  const during = (act: () => void): Promise<Results> =>
    whileSuspended(target, act, () => expectAllOutside(target));
  expectAll(await during(() => s.apply(target, patch)), '1>2', others(1));
  expectAll(await during(() => s.revert(target, patch)), '2>1', others(2));
  expectAll(await during(() => s.apply(target, both)), '1>2', others(1));
  expectAll(await during(() => s.revert(target, both)), '2>1', others(2));
});

scenario('all ways at once, by three threads, while patches come and go', async (s) => {
  const { target, patch, both } = await prepare(s);
  await runAll(target);
  const slots = takenSlots(target.pid);
  const acts = [
    () => s.apply(target, patch),
    () => s.apply(target, both),
    () => s.revert(target, patch),
    () => s.revert(target, both),
  ];
  await underLoad(target, 3, [...acts, ...acts]);
  expectAllOutside(target);
  expect(takenSlots(target.pid)).toBe(slots);
  s.revert(target, both);
  expect(target.maps()).not.toMatch(/fix\.so|both\.so/);
});

scenario('threads that are cancelled at any instruction of their way in and out', async (s) => {
  const { target, patch } = await prepare(s, 'cancelled-anywhere', 'unwound-by-cancellation');
  await runAll(target);
  const slots = takenSlots(target.pid);
  await target.ask('start 2');
  for (let i = 0; i < 10; i++) {
    s.apply(target, patch);
    s.revert(target, patch);
  }
  await waitFor(
    '1000 rounds',
    () => target.ask('rounds'),
    (rounds) => Number(rounds) >= 1000,
    { ms: PROGRAM_MS, pid: target.pid },
  );
  expect(await target.ask('stop')).toBe('ok');
  expectAllOutside(target);
  expect(takenSlots(target.pid)).toBe(slots);
  s.revert(target, patch);
  expect(target.maps()).not.toMatch(/fix\.so/);
});
