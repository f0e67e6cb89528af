import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { outputBeside } from '../harness/programs.cjs';
import { LONG_MS, TEST_MS, waitFor } from '../harness/wait.cjs';

/** How often the patch comes and goes. */
const PAIRS = Number(process.env.ULP_TEST_PAIRS ?? 100);

jest.setTimeout(TEST_MS + PAIRS * 1000);

async function roundsOf(target: Target): Promise<number[]> {
  const [wrong, ...rounds] = (await target.ask('')).split(' ').map(Number);
  expect(wrong).toBe(0);
  return rounds;
}

/** Every thread moves on, and none has seen anything wrong. */
async function expectProgress(target: Target): Promise<void> {
  const before = await roundsOf(target);
  await waitFor(
    `every thread to go beyond ${before.join(' ')} rounds`,
    () => roundsOf(target),
    (rounds) => rounds.every((count, i) => count > (before[i] ?? 0)),
    target,
  );
}

scenario(`${PAIRS} pairs at the first attempt under threads that hold every lock`, async (s) => {
  const library = s.library('hammer/library.c', 'librestless.so');
  const patch = s.patch('hammer/patch.c', 'fix', [
    [library, ['first:new_first', 'second:new_second']],
  ]);
  const plugin = s.library('restless/plugin.c', 'plugin.so', { plain: true });
  const program = s.program('restless/program.c', [library], ['-rdynamic']);
  const target = await s.start(program, { args: [plugin] });
  await expectProgress(target);
  // It ends with an error at the first change that is refused or late.
  const args = [join(TARGETS, 'harness/flap.mjs'), target.pid, patch, PAIRS];
  const stdout = await outputBeside(process.execPath, args, { timeout: LONG_MS });
  const [pairs, longest] = stdout.split(' ').map(Number);
  expect(pairs).toBe(PAIRS);
  if (process.env.ULP_TEST_PAIRS) process.stderr.write(`longest pair: ${longest} ms\n`);
  await expectProgress(target);
  expect(target.maps()).not.toContain('fix.so');
});
