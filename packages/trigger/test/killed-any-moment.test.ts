/**
 * Commands killed at any moment, over and over, without a repair between, against a process of one
 * thread in each blocking call and in none. See killed-anywhere.test.ts for the moments that a
 * random one rarely meets.
 */
import { join } from 'node:path';
import { BIN, buildLibrary, patchOf, scenario, source, type Target } from './setting';
import { CALLS, goesOn, LEFT_EARLY } from './vigilant';
import { startProgram } from '../../../test-targets/harness/programs.cjs';
import { TEST_MS } from '../../../test-targets/harness/wait.cjs';

const MOMENTS = Number(process.env.ULP_TEST_MOMENTS ?? 48);
/** Longer than any command lives, in ms. */
const NEVER = 60_000;
jest.setTimeout(TEST_MS + MOMENTS * 2000);

/** @returns how long it took, in ms, or undefined: it was killed before its end */
function killedAfter(
  ms: number,
  tool: string,
  args: readonly string[],
): Promise<number | undefined> {
  const started = process.hrtime.bigint();
  const child = startProgram(join(BIN, tool), args, { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  return new Promise((resolve) =>
    child.on('close', (_, signal) => {
      clearTimeout(timer);
      const took = Number(process.hrtime.bigint() - started) / 1e6;
      resolve(signal === 'SIGKILL' ? undefined : took);
    }),
  );
}

/** The same by one of two commands. */
const command = (round: number, pid: number, patch: string, apply: boolean): [string, string[]] =>
  round % 2 === 0
    ? ['ulp-trigger', [String(pid), patch, ...(apply ? [] : ['--revert'])]]
    : ['ulp-dispatcher', [apply ? 'patch' : 'revert', patch, String(pid)]];

scenario('killed at any moment', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('vigilant.c'), [library]);
  const targets = await Promise.all(CALLS.map((call) => s.start(program, { args: [call] })));
  /**
   * How long a command lives when nobody kills it, in ms: what the last one took that came to its
   * end.
   */
  let life = NEVER;
  let killed = 0;
  for (let moment = 0; moment < MOMENTS; moment++) {
    const target = targets[moment % targets.length] as Target;
    const { answer } = await goesOn(target);
    const round = Math.floor(moment / targets.length);
    const [tool, args] = command(round, target.pid, patch, answer === 2);
    // The second half of its life is where it does something.
    const took = await killedAfter(life * (0.5 + Math.random() * 0.55), tool, args);
    if (took === undefined) {
      killed++;
      life *= 1.02; // else it would never come to its end again when the machine has become slower
    } else life = took;
    expect([2, 1001]).toContain((await goesOn(target)).answer);
  }
  if (process.env.ULP_TEST_MOMENTS) process.stderr.write(`${killed} of ${MOMENTS} killed\n`);
  expect(killed).toBeGreaterThan(MOMENTS / 4);
  for (const [index, target] of targets.entries()) {
    s.apply(target, patch);
    expect((await goesOn(target)).answer).toBe(1001);
    s.revert(target, patch);
    const { wrong, early, answer } = await goesOn(target);
    const call = CALLS[index] ?? '';
    expect({ call, wrong, answer }).toEqual({ call, wrong: 0, answer: 2 });
    expect([call, early]).toEqual([call, LEFT_EARLY.includes(call) ? expect.any(Number) : 0]);
    expect(early).toBeLessThanOrEqual(killed);
    expect(target.maps()).not.toContain('fix.so');
  }
});
