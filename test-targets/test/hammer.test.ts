import { join } from 'node:path';
import type { Scenario } from '../harness/scenario';
import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { BIN, runTool } from '../harness/tools';
import { runBeside, startProgram } from '../harness/programs.cjs';
import { waitFor } from '../harness/wait.cjs';

async function prepare(s: Scenario): Promise<{ target: Target; patch: string }> {
  const library = s.library('hammer/library.c', 'libhammer.so');
  const patch = s.patch('hammer/patch.c', 'fix', [
    [library, ['first:new_first', 'second:new_second']],
  ]);
  const target = await s.start(s.program('hammer/program.c', [library]));
  return { target, patch };
}

/** Every kind of thread moves on, and none has seen anything wrong. */
async function expectProgress(target: Target): Promise<void> {
  const read = async (): Promise<number[]> => (await target.ask('')).split(' ').map(Number);
  const [calls = 0, wrong, others = 0] = await read();
  expect(wrong).toBe(0);
  await waitFor(
    `more than ${calls} calls, and ${others} of the others`,
    read,
    ([callsNow = 0, wrongNow, othersNow = 0]) => {
      expect(wrongNow).toBe(0);
      return callsNow > calls && othersNow > others;
    },
    target,
  );
}

/** Pairs of changes, and tools that are killed. */
const PAIRS = Number(process.env.ULP_TEST_PAIRS ?? 15);

scenario('applied and reverted again and again under threads that never rest', async (s) => {
  const { target, patch } = await prepare(s);
  for (let i = 0; i < PAIRS; i++) {
    s.apply(target, patch);
    await expectProgress(target);
    s.revert(target, patch);
    await expectProgress(target);
  }
  expect(target.maps()).not.toContain('fix.so');
});

scenario('tools killed at random moments leave it patched wholly or not at all', async (s) => {
  const { target, patch } = await prepare(s);
  let killed = 0;
  for (let i = 0; i < PAIRS; i++) {
    const options = i % 2 ? ['--revert'] : [];
    const tool = startProgram(join(BIN, 'ulp-trigger'), [String(target.pid), patch, ...options], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => tool.once('exit', (_, signal) => resolve(signal)));
    // The interesting moments lie where it has looked at everything and begins.
    setTimeout(() => tool.kill('SIGKILL'), 80 + Math.random() * 120);
    if ((await ended) === 'SIGKILL') killed++;
    await expectProgress(target);
    expect([0, 1]).toContain(runTool('ulp-check', [target.pid, patch]).status);
    // The next run finishes or drops what was begun, and then does its own.
    if (i % 4 === 3) {
      s.apply(target, patch);
      expect(s.isApplied(target, patch)).toBe(true);
      s.revert(target, patch);
      expect(s.isApplied(target, patch)).toBe(false);
    }
  }
  expect(killed).toBeGreaterThan(0);
});

scenario('two tools at once wait for each other', async (s) => {
  const { target, patch } = await prepare(s);
  for (let i = 0; i < 10; i++) {
    const run = async (...options: string[]): Promise<number | null> => {
      const args = [target.pid, patch, ...options];
      return (await runBeside(join(BIN, 'ulp-trigger'), args)).status;
    };
    expect(await Promise.all([run(), run(), run('--revert')])).toEqual([0, 0, 0]);
    await expectProgress(target);
  }
});
