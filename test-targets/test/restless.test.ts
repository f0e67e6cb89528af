import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';

/** How often the patch comes and goes. */
const PAIRS = Number(process.env.ULP_TEST_PAIRS ?? 100);

jest.setTimeout(60_000 + PAIRS * 1000);

async function roundsOf(target: Target): Promise<number[]> {
  const [wrong, ...rounds] = (await target.ask('')).split(' ').map(Number);
  expect(wrong).toBe(0);
  return rounds;
}

/** Every thread moves on, and none has seen anything wrong. */
async function expectProgress(target: Target): Promise<void> {
  const before = await roundsOf(target);
  while (!(await roundsOf(target)).every((count, i) => count > (before[i] ?? 0)));
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
  const { stdout } = await promisify(execFile)('node', [
    join(TARGETS, 'harness/flap.mjs'),
    ...[String(target.pid), patch, String(PAIRS)],
  ]);
  const [pairs, longest] = stdout.split(' ').map(Number);
  expect(pairs).toBe(PAIRS);
  if (process.env.ULP_TEST_PAIRS) process.stderr.write(`longest pair: ${longest} ms\n`);
  await expectProgress(target);
  expect(target.maps()).not.toContain('fix.so');
});
