/**
 * Signals that arrive while the thread to which they go is borrowed: each runs its handler, once,
 * in its turn.
 */
import { join } from 'node:path';
import { TARGETS } from '../../../test-targets/harness/build';
import { buildLibrary, patchOf, scenario, source, type Target } from './setting';
import { outputBeside } from '../../../test-targets/harness/programs.cjs';
import { waitFor } from '../../../test-targets/harness/wait.cjs';

const PAIRS = 200;

async function look(target: Target) {
  const [numbered = 0, single = 0, wrong = 0, answer = 0] = (await target.ask(''))
    .split(' ')
    .map(Number);
  return { numbered, single, wrong, answer };
}

scenario('signals during the stop all arrive, once', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const target = await s.start(s.program(source('signals.c'), [library]));
  const before = await look(target);
  const args = [join(TARGETS, 'harness/flap.mjs'), target.pid, patch, PAIRS];
  await outputBeside(process.execPath, args);
  const after = await look(target);
  expect(after.numbered).toBeGreaterThan(before.numbered + PAIRS);
  // One that was lost would have been the last one.
  await waitFor(
    'two more signals',
    () => look(target),
    ({ single }) => single > after.single + 1,
    target,
  );
  expect((await look(target)).wrong).toBe(0);
  s.apply(target, patch);
  expect((await look(target)).answer).toBe(1001);
});
