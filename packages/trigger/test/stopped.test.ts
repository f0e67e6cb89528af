/**
 * Processes that are stopped by job control, before and in the middle of a change: they stay so
 * until they are continued.
 */
import { DYING_TOOL } from '../../../test-targets/harness/die';
import { expectNoTrace, expectPatched } from './no-trace';
import { buildLibrary, patchOf, runTool, scenario, source, trigger } from './setting';
import { CALLS, goesOn, LEFT_EARLY } from './vigilant';
import { runProgram } from '../../../test-targets/harness/programs.cjs';
import { TEST_MS, stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

const isStopped = (pid: number): boolean => stateOf(pid) === 'T';

const stop = (pid: number): Promise<string> =>
  waitFor(
    'a stop',
    () => stateOf(pid),
    (letter) => letter === 'T',
    { pid },
  );

scenario('stopped by SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU', async (s) => {
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  const patch = patchOf(s, library, 'fix', 1000);
  const group = s.program(source('own-group.c'), []);
  const target = await s.start(group, { args: [program] });
  const { pid } = target;
  for (const signal of ['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const) {
    process.kill(pid, signal);
    await stop(pid);
    const fact = /it is stopped by job control \(let it go on first \(SIGCONT\)\)\n$/;
    for (const more of [[], ['--dry-run']]) expectNoTrace(pid, patch, { status: 3, fact, more });
    expect(runTool('ulp-check', [pid, patch]).status).toBe(1);
    expect(isStopped(pid)).toBe(true);
    process.kill(pid, 'SIGCONT');
    await expectPatched(target, patch);
  }
});

/** More than a tool has. */
const STEPS = 22;

/**
 * A tool that stops the process before one of its steps; see dying-tool.mjs.
 * @returns its exit code; undefined: it did not come to that step
 */
function stopAt(pid: number, patch: string, action: string, step: number): number | undefined {
  const args = [DYING_TOOL, String(pid), patch, action, String(step), 'trigger', 'stop'];
  const { status, stdout, stderr } = runProgram(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0 && !/nothing was changed/.test(stderr)) throw new Error(stderr);
  return status === 0 && Number(stdout) < step ? undefined : (status ?? -1);
}

/** How often in each call. */
const STOPS = Number(process.env.ULP_TEST_STOPS ?? 3);
jest.setTimeout(TEST_MS + STOPS * 30_000);

scenario('SIGSTOP at every step of a change, in each blocking call', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('vigilant.c'), [library]);
  const outcomes = { done: 0, refused: 0 };
  for (const [index, call] of CALLS.entries()) {
    const target = await s.start(program, { args: [call] });
    const { pid } = target;
    let stops = 0;
    for (let turn = 0; turn < STOPS; turn++) {
      const { answer } = await goesOn(target);
      const [action, other] = answer === 2 ? ['apply', 1001] : ['revert', 2];
      const step = 1 + ((turn * 7 + index * 5) % STEPS);
      const status = stopAt(pid, patch, action, step);
      if (status !== undefined) {
        // The signal may still be on its way.
        await stop(pid);
        stops++;
      }
      const isApplied = runTool('ulp-check', [pid, patch]).status === 0;
      process.kill(pid, 'SIGCONT');
      const after = await goesOn(target);
      expect({ step, answer: after.answer }).toEqual({ step, answer: isApplied ? 1001 : 2 });
      expect(isApplied).toBe((status ?? 0) === 0 ? other === 1001 : answer === 1001);
      outcomes[(status ?? 0) === 0 ? 'done' : 'refused']++;
    }
    expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0 });
    const { wrong, early, answer } = await goesOn(target);
    expect({ call, wrong, answer }).toEqual({ call, wrong: 0, answer: 2 });
    // The kernel itself ends these with EINTR when the process is stopped and continued: signal(7).
    expect([call, early]).toEqual([call, LEFT_EARLY.includes(call) ? expect.any(Number) : 0]);
    expect(early).toBeLessThanOrEqual(stops);
    expect(await target.end()).toBe(0);
  }
  expect(outcomes.done).toBeGreaterThan(0);
  expect(outcomes.refused).toBeGreaterThan(0);
});
