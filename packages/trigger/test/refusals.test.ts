/**
 * What is refused, with its exit code and message, by which commands; and that nothing was changed.
 */
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  asRoot,
  begin,
  BIN,
  buildLibrary,
  FILE,
  patchOf,
  runTool,
  scenario,
  source,
  trigger,
  type Target,
} from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';
import { stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';
import { startAsked } from '../../../test-targets/harness/asked.cjs';

const NOBODY = 65534;

/** By ulp-trigger in every mode, and by ulp-check; nothing in the process is changed. */
function expectRefused(
  target: Target,
  patch: string,
  status: number,
  stderr: RegExp,
  tools: readonly (readonly string[])[] = EVERY_COMMAND,
): void {
  const before = target.maps();
  for (const [tool = '', ...more] of tools) {
    const outcome = runTool(tool, [target.pid, patch, ...more]);
    expect({ tool, more, ...outcome }).toEqual({
      tool,
      more,
      status,
      stdout: '',
      stderr: expect.stringMatching(stderr) as string,
    });
    expect(outcome.stderr.startsWith(`${tool}: `)).toBe(true);
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  }
  expect(target.maps()).toBe(before);
}

const APPLY = [['ulp-trigger'], ['ulp-trigger', '--dry-run']] as const;
const EVERY_COMMAND = [
  ...APPLY,
  ['ulp-trigger', '--revert'],
  ['ulp-trigger', '--revert', '--dry-run'],
  ['ulp-check'],
  ['ulp-check', '--threads', '--json'],
] as const;

scenario('metadata that is missing, empty, cut, altered, or no file at all', async (s) => {
  const { library, target } = await begin(s);
  const bytes = readFileSync(patchOf(s, library, 'fix', 1000));
  const bad = join(s.room, 'bad.ulp');
  const expectBad = (stderr: RegExp): void => expectRefused(target, bad, 2, stderr);
  expectBad(/bad\.ulp: no such file/);
  writeFileSync(bad, '');
  expectBad(/bad\.ulp: the file is empty/);
  writeFileSync(bad, bytes.subarray(0, bytes.length - 1));
  expectBad(/bad\.ulp: /);
  writeFileSync(
    bad,
    bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
  );
  expectBad(/bad\.ulp: the file is corrupt/);
  writeFileSync(bad, readFileSync(library));
  expectBad(/bad\.ulp: /);
  mkdirSync(join(s.room, 'folder'));
  expectRefused(target, join(s.room, 'folder'), 2, /folder: not a regular file/);
  expectRefused(target, '/dev/zero', 2, /not a regular file/);
  expect(await target.ask('answer')).toBe('2');
});

scenario('processes that are not there, or make no sense', async (s) => {
  const { library } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  for (const [tool = '', ...more] of EVERY_COMMAND) {
    for (const pid of [0x7ffffff0, 0])
      expect(runTool(tool, [pid, patch, ...more])).toMatchObject({ status: 4, stdout: '' });
    for (const pid of ['x', '', '1.5', '-1', '1e3', 2 ** 40])
      expect(runTool(tool, [pid, patch, ...more])).toMatchObject({ status: 2, stdout: '' });
  }
});

scenario('a library that is not loaded, or loaded in another build', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  renameSync(library, `${library}.old`);
  const other = s.library(source('library.c'), FILE, { args: ['-DANOTHER_BUILD', '-O1'] });
  const otherPatch = patchOf(s, other, 'other', 1000);
  expectRefused(
    target,
    otherPatch,
    3,
    /libtrigger-test\.so: the build-id differs: expected [0-9a-f]{40}, found [0-9a-f]{40}/,
  );
  const unrelated = s.patch(source('patch.c'), 'unrelated', [
    [buildLibrary(s, 'libunrelated.so'), ['answer:new_answer']],
  ]);
  expectRefused(target, unrelated, 3, /libunrelated\.so: the target library is not loaded/);
  expect(trigger(target, patch).status).toBe(0);
});

scenario('a library that was never gated', async (s) => {
  const room = join(s.room, 'raw');
  mkdirSync(room);
  const raw = s.library(source('library.c'), FILE, { ungated: true });
  const program = s.program(source('program.c'), [raw]);
  const gated = join(room, FILE);
  copyFileSync(raw, gated);
  expect(runTool('ulp-dynsym-gate', [gated]).status).toBe(0);
  const target = await s.start(program);
  expectRefused(
    target,
    patchOf(s, gated, 'fix', 1000),
    3,
    /not live-patchable \(run ulp-dynsym-gate/,
  );
  expect(await target.ask('answer')).toBe('2');
});

scenario('a patch .so that is gone, or is not the one that was packed', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const so = join(s.room, 'fix.so');
  const bytes = readFileSync(so);
  renameSync(so, `${so}.away`);
  expectRefused(target, patch, 2, /fix\.so: no such file.*looked up in the target's root/, APPLY);
  writeFileSync(so, bytes);
  appendFileSync(so, 'x');
  expectRefused(target, patch, 3, /not the file that was packed: expected \d+ bytes, found/, APPLY);
  writeFileSync(
    so,
    bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
  );
  expectRefused(target, patch, 3, /not the file that was packed: expected SHA-256/, APPLY);
  mkdirSync(join(s.room, 'elsewhere'));
  renameSync(so, join(s.room, 'elsewhere/fix.so'));
  expect(runProgram('mkfifo', [so]).status).toBe(0);
  expectRefused(target, patch, 2, /fix\.so: not a regular file/, APPLY);
  expect(await target.ask('answer')).toBe('2');
});

scenario('a patch .so that cannot be loaded', async (s) => {
  const { library, target } = await begin(s);
  const patch = s.patch(source('patch.c'), 'fix', [[library, ['answer:new_answer']]], {
    args: ['-Wl,--no-as-needed', buildLibrary(s, 'libneeded.so')],
  });
  renameSync(join(s.room, 'libneeded.so'), join(s.room, 'gone.so'));
  const { status, stderr } = trigger(target, patch);
  expect(status).toBe(3);
  expect(stderr).toMatch(
    /the target refuses the patch \(libneeded\.so: cannot open.*; nothing was changed\)/,
  );
  expect(target.maps()).not.toContain('fix.so');
  expect(await target.ask('answer')).toBe('2');
});

scenario('a process that is stopped, or traced', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  process.kill(target.pid, 'SIGSTOP');
  const state = () => stateOf(target.pid);
  await waitFor('a stop', state, (letter) => letter === 'T', target);
  expectRefused(target, patch, 3, /it is stopped by job control \(let it go on first/, [
    ['ulp-trigger'],
  ]);
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);
  process.kill(target.pid, 'SIGCONT');

  const code = `require('@ulp/ptrace-ffi/borrowing').seize(${target.pid}); console.log('ready'); setInterval(() => {}, 1e6);`;
  const tracer = await startAsked(process.execPath, { args: ['-e', code], ready: 'ready' });
  const traced = new RegExp(`another process traces it: found tracer ${tracer.pid}`);
  expectRefused(target, patch, 4, traced, [['ulp-trigger']]);
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);
  await tracer.killed();
  expect(await target.ask('answer')).toBe('2');
  expect(trigger(target, patch).status).toBe(0);
});

asRoot(scenario)('a process of another user', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  chmodSync(s.room, 0o755);
  for (const [tool = '', ...more] of EVERY_COMMAND) {
    const { status, stdout, stderr } = runProgram(
      join(BIN, tool),
      [`${target.pid}`, patch, ...more],
      {
        uid: NOBODY,
        gid: NOBODY,
        encoding: 'utf8',
      },
    );
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toMatch(/permission denied: expected uid 65534, found uid 0/);
  }
  expect(await target.ask('answer')).toBe('2');
});

asRoot(scenario)('a patch .so that the process may not read', async (s) => {
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  const patch = patchOf(s, library, 'fix', 1000);
  chmodSync(s.room, 0o755);
  chmodSync(join(s.room, 'fix.so'), 0o600);
  const id = String(NOBODY);
  const target = await s.start('setpriv', {
    args: ['--reuid', id, '--regid', id, '--clear-groups', program],
  });
  const { status, stderr } = trigger(target, patch);
  expect(status).toBe(3);
  expect(stderr).toMatch(/Permission denied; nothing was changed/);
  chmodSync(join(s.room, 'fix.so'), 0o644);
  expect(trigger(target, patch).status).toBe(0);
  expect(await target.ask('answer')).toBe('1001');
});
