/**
 * Signals that arrive while the thread to which they go is borrowed: each runs its handler, once,
 * in its turn.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TARGETS } from '../../../test-targets/harness/build';
import { buildLibrary, patchOf, scenario, source, type Target } from './setting';

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
  await promisify(execFile)('node', [
    join(TARGETS, 'harness/flap.mjs'),
    ...[String(target.pid), patch, String(PAIRS)],
  ]);
  const after = await look(target);
  expect(after.numbered).toBeGreaterThan(before.numbered + PAIRS);
  // One that was lost would have been the last one.
  for (let now = after; now.single <= after.single + 1; now = await look(target));
  expect((await look(target)).wrong).toBe(0);
  s.apply(target, patch);
  expect((await look(target)).answer).toBe(1001);
});
