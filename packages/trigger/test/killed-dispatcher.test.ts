/**
 * ulp-dispatcher is killed before its steps (see dying-tool.mjs), of applying and of reverting in
 * turns, and run again, in which it brings to its end what was left. Against a thread that never
 * rests and one that waits, alone in their processes.
 */
import { die } from '../../../test-targets/harness/die';
import { buildLibrary, patchOf, runTool, scenario, source } from './setting';
import { goesOn, LEFT_EARLY } from './vigilant';
import { TEST_MS } from '../../../test-targets/harness/wait.cjs';

/** Every one with ULP_TEST_KILLS in the environment; else every fifth. */
const STRIDE = process.env.ULP_TEST_KILLS ? 1 : 5;
jest.setTimeout(TEST_MS + 600_000 / STRIDE);
const ACTIONS = [
  { action: 'apply', command: 'patch', before: 2, after: 1001 },
  { action: 'revert', command: 'revert', before: 1001, after: 2 },
] as const;

for (const call of ['spin', 'epoll_wait'])
  scenario(`ulp-dispatcher killed at its steps, against a process in ${call}`, async (s) => {
    const library = buildLibrary(s);
    const patch = patchOf(s, library, 'fix', 1000);
    const target = await s.start(s.program(source('vigilant.c'), [library]), { args: [call] });
    let killed = 0;
    let finished = 0;
    for (let step = 1, ended = 0; ended < ACTIONS.length; step += STRIDE) {
      ended = 0;
      for (const { action, command, before, after } of ACTIONS) {
        if (die(target, patch, action, step, 'dispatcher') === undefined) killed++;
        else ended++;
        expect([before, after]).toContain((await goesOn(target)).answer);
        const { status, stdout, stderr } = runTool('ulp-dispatcher', [command, patch, target.pid]);
        expect({ step, status, stderr }).toMatchObject({ step, status: 0 });
        if (stdout.includes('an earlier request was unfinished and has been finished')) finished++;
        expect((await goesOn(target)).answer).toBe(after);
      }
    }
    expect(killed).toBeGreaterThan(20 / STRIDE);
    expect(finished).toBeGreaterThan(0);
    const { wrong, early } = await goesOn(target);
    expect(wrong).toBe(0);
    expect(early).toBeLessThanOrEqual(LEFT_EARLY.includes(call) ? killed : 0);
    if (process.env.ULP_TEST_KILLS)
      process.stderr.write(
        `${call}: ${killed} tools killed, ${finished} requests finished, ${early} calls left early\n`,
      );
  });
