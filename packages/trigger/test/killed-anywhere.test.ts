/**
 * Tools killed before one request or write after the other, against a process of one thread in each
 * blocking call and in none. Nothing is repaired between: the next tool, which may die as well,
 * finishes or drops what it finds.
 */
import { die } from '../../../test-targets/harness/die';
import { buildLibrary, patchOf, scenario, source, trigger } from './setting';
import { CALLS, goesOn, LEFT_EARLY } from './vigilant';
import { TEST_MS } from '../../../test-targets/harness/wait.cjs';

/** For each call. */
const KILLS = Number(process.env.ULP_TEST_KILLS ?? 6);
jest.setTimeout(TEST_MS + KILLS * 20_000);
/** More than a tool has, when it also finishes what another one began. */
const STEPS = 34;

scenario('killed at every step, in each blocking call', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('vigilant.c'), [library]);
  let all = 0;
  for (const [index, call] of CALLS.entries()) {
    const target = await s.start(program, { args: [call] });
    let killed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const { answer } = await goesOn(target);
      // 7 is prime to the number of steps: so many kills visit every step.
      const step = 1 + ((kill * 7 + index * 5) % STEPS);
      if (die(target, patch, answer === 2 ? 'apply' : 'revert', step) === undefined) killed++;
    }
    all += killed;
    await goesOn(target);
    expect(trigger(target, patch).status).toBe(0);
    expect((await goesOn(target)).answer).toBe(1001);
    expect(trigger(target, patch, '--revert').status).toBe(0);
    const { wrong, early, answer } = await goesOn(target);
    expect({ call, wrong, answer }).toEqual({ call, wrong: 0, answer: 2 });
    expect([call, early]).toEqual([call, LEFT_EARLY.includes(call) ? expect.any(Number) : 0]);
    expect(early).toBeLessThanOrEqual(killed);
    expect(await target.end()).toBe(0);
  }
  if (process.env.ULP_TEST_KILLS) process.stderr.write(`${all} tools killed\n`);
  expect(all).toBeGreaterThan(CALLS.length);
});
