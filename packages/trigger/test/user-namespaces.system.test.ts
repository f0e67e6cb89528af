/**
 * Processes in user namespaces: from outside, from inside as the namespace's own root, and by who
 * may not.
 */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NOBODY } from '../../../test-targets/harness/tools';
import { expectNoTrace, expectPatched } from './no-trace';
import { asRoot, BIN, buildLibrary, patchOf, scenario, source, type Scenario } from './setting';
import type { Target } from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

/** Neither root, nor who made the namespace. */
const STRANGER = NOBODY - 1;
const AS_NOBODY = ['--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups'];

function prepare(s: Scenario) {
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  return { program, patch: patchOf(s, library, 'fix', 1000) };
}

const skipped = (): boolean => {
  const { status, stderr } = runProgram('unshare', ['-Ur', 'true'], { encoding: 'utf8' });
  if (status !== 0) console.warn(`skipped: no user namespace can be made here: ${stderr}`);
  return status !== 0;
};

/** The process that unshare(1) waits for. */
const childOf = (target: Target): number =>
  Number(readFileSync(`/proc/${target.pid}/task/${target.pid}/children`, 'utf8'));

asRoot(scenario)('a user namespace, from outside', async (s) => {
  if (skipped()) return;
  const { program, patch } = prepare(s);
  await expectPatched(await s.start('unshare', { args: ['-Ur', program] }), patch);
  const nested = await s.start('unshare', {
    args: ['-Ur', '-p', '-m', '-f', '--kill-child', program],
  });
  await expectPatched(nested, patch, childOf(nested));
});

asRoot(scenario)('made by a user: root and that user may, a stranger may not', async (s) => {
  if (skipped()) return;
  const { program, patch } = prepare(s);
  const target = await s.start('setpriv', { args: [...AS_NOBODY, 'unshare', '-Ur', program] });
  const fact = new RegExp(`permission denied: expected uid ${STRANGER}, found uid ${NOBODY}`);
  expectNoTrace(target.pid, patch, { status: 4, fact, uid: STRANGER });
  await expectPatched(target, patch);
  for (const more of [[], ['--revert']]) {
    const tool = runProgram(join(BIN, 'ulp-trigger'), [`${target.pid}`, patch, ...more], {
      uid: NOBODY,
      gid: NOBODY,
      encoding: 'utf8',
    });
    expect(tool).toMatchObject({ status: 0, stderr: '' });
    expect(await target.ask('answer')).toBe(more.length === 0 ? '1001' : '2');
  }
});

asRoot(scenario)("the namespace's own root, from inside", async (s) => {
  if (skipped()) return;
  const { program, patch } = prepare(s);
  const spaces = ['-Ur', '-p', '-m', '-f', '--mount-proc', '--kill-child'];
  const target = await s.start('setpriv', { args: [...AS_NOBODY, 'unshare', ...spaces, program] });
  const inner = childOf(target);
  const inside = (tool: string, ...args: string[]) =>
    runProgram('nsenter', ['-t', `${inner}`, '-U', '-p', '-m', join(BIN, tool), ...args], {
      encoding: 'utf8',
    });
  for (const [more, answer] of [
    [[], '1001'],
    [['--revert'], '2'],
  ] as const) {
    expect(inside('ulp-trigger', '1', patch, ...more)).toMatchObject({ status: 0, stderr: '' });
    expect(await target.ask('answer')).toBe(answer);
  }
  expect(inside('ulp-check', '1', patch)).toMatchObject({ status: 1, stderr: '' });
  // Another namespace's process, seen through the procfs of the host: its root is none here.
  const outside = await s.start(program);
  const { status, stderr } = runProgram(
    'nsenter',
    ['-t', `${inner}`, '-U', join(BIN, 'ulp-trigger'), `${outside.pid}`, patch],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toEqual({
    status: 4,
    stderr: expect.stringMatching(/permission denied \(.*user namespace/) as string,
  });
  expect(await outside.ask('answer')).toBe('2');
});
