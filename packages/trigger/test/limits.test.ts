/**
 * A process at its limits: of processes, of memory, of open files. It works or is refused, and it
 * lives on.
 */
import { chmodSync } from 'node:fs';
import { asRoot, buildLibrary, patchOf, scenario, source, trigger } from './setting';
import type { Scenario, Target } from './setting';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

const NOBODY = 65534;

/** prlimit(1), by the target's own user. */
function limit(target: Target, option: string, uid = 0): void {
  outputOf('prlimit', ['--pid', String(target.pid), option], { uid, gid: uid });
}

function prepare(s: Scenario) {
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  return {
    program: s.program(source('program.c'), [library]),
    patch: patchOf(s, library, 'fix', 1000),
  };
}

asRoot(scenario)('no process more for its user (RLIMIT_NPROC)', async (s) => {
  const { program, patch } = prepare(s);
  const user = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];
  const target = await s.start('setpriv', { args: [...user, program] });
  const processes = (count: string): void => limit(target, `--nproc=${count}`, NOBODY);
  processes('1:');
  const { status, stderr } = trigger(target, patch);
  expect(status).toBe(3);
  expect(stderr).toMatch(/could not be started: found clone.*(number of processes|errno 11)/);
  expect(await target.ask('answer')).toBe('2');
  processes('1000:');
  expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('1001');
});

for (const [what, option, enough] of [
  ['no memory more (RLIMIT_AS)', '--as', 'unlimited'],
  ['no data more (RLIMIT_DATA)', '--data', 'unlimited'],
  ['no file more (RLIMIT_NOFILE)', '--nofile', '512'],
] as const)
  asRoot(scenario)(what, async (s) => {
    const { program, patch } = prepare(s);
    const target = await s.start(program);
    limit(target, `${option}=1:`);
    const { status, stderr } = trigger(target, patch);
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: expect.stringMatching(/nothing was changed/) as string,
    });
    expect(target.maps()).not.toContain('fix.so');
    expect(await target.ask('answer')).toBe('2');
    limit(target, `${option}=${enough}:`);
    expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
    expect(await target.ask('answer')).toBe('1001');
  });
