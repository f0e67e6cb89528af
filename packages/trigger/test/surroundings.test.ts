/**
 * Processes in containers, without their first thread, after fork: paths and ids are what they see.
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { preload } from '../../../test-targets/harness/build';
import { expectNoTrace, expectPatched } from './no-trace';
import {
  asRoot,
  begin,
  buildLibrary,
  patchOf,
  runTool,
  scenario,
  source,
  succeed,
  trigger,
  type Target,
} from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

/**
 * The patch's file exists outside of the target's root only: refused, with the place where it has
 * to be.
 */
function carryOutAdvice(target: Target, patch: string, so: string): void {
  const fact =
    /fix\.so: no such file in the target's root directory, but outside of it \(copy it there: from here that is (.*)\)\n$/;
  for (const more of [[], ['--dry-run']])
    expectNoTrace(target.pid, patch, { status: 2, fact, more });
  const there = fact.exec(trigger(target, patch).stderr)?.[1] ?? '';
  expect(there).toBe(`/proc/${target.pid}/root${so}`);
  copyFileSync(so, there);
}

asRoot(scenario)('in a mount namespace of its own, with other files in a folder', async (s) => {
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  const folder = join(s.room, 'patches');
  mkdirSync(folder);
  const patch = patchOf(s, library, 'patches/fix', 1000);
  const script = 'mount -t tmpfs none "$0" && exec "$1"';
  const target = await s.start('unshare', {
    args: ['--mount', 'sh', '-c', script, folder, program],
  });
  carryOutAdvice(target, patch, join(folder, 'fix.so'));
  await expectPatched(target, patch);
});

asRoot(scenario)('in a chroot of its own', async (s) => {
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  const patch = patchOf(s, library, 'fix', 1000);
  const root = join(s.room, 'root');
  const bring = (path: string): void => {
    mkdirSync(dirname(root + path), { recursive: true });
    copyFileSync(path, root + path);
  };
  for (const file of [program, preload()]) {
    const needed = runProgram('ldd', [file], { encoding: 'utf8' }).stdout;
    [file, ...(needed.match(/\/\S+/g) ?? [])].forEach(bring);
  }
  mkdirSync(join(root, 'proc'));
  const script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$1"';
  const target = await s.start('unshare', { args: ['--mount', 'sh', '-c', script, root, program] });
  mkdirSync(join(root, s.room), { recursive: true });
  carryOutAdvice(target, patch, join(s.room, 'fix.so'));
  expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('1001');
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('2');
});

asRoot(scenario)('in a pid namespace of its own: threads have the ids that we see', async (s) => {
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  const patch = patchOf(s, library, 'fix', 1000);
  const target = await s.start('unshare', { args: ['--pid', '--fork', '--kill-child', program] });
  const children = readFileSync(`/proc/${target.pid}/task/${target.pid}/children`, 'utf8');
  const inner = { pid: Number(children) };
  await target.ask('hold');
  expect(trigger(inner, patch)).toMatchObject({ status: 0, stderr: '' });
  const [table = ''] = succeed('ulp-check', inner.pid, patch, '--threads').split('\n\n');
  const threads = table.split('\n').slice(2);
  expect(threads.map((line) => /^(\d+) +\S+ +(yes|no)/.exec(line)?.[2])).toEqual(['yes', 'no']);
  for (const line of threads) expect(parseInt(line)).toBeGreaterThanOrEqual(inner.pid);
  expect(await target.ask('release')).toBe('2');
  expect(await target.ask('answer')).toBe('1001');
  expect(trigger(inner, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
});

scenario('a process whose first thread has ended', async (s) => {
  const { library, target } = await begin(s, { args: ['without-first-thread'] });
  const patch = patchOf(s, library, 'fix', 1000);
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);
  expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('1001');
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('2');
});

scenario('a child has the patches of its parent, and is changed on its own', async (s) => {
  const { library, target } = await begin(s);
  const low = patchOf(s, library, 'low', 1000);
  const high = patchOf(s, library, 'high', 5000);
  s.apply(target, low);
  const child = { pid: Number(await target.ask('fork')) };
  expect(child.pid).not.toBe(target.pid);
  expect(await target.ask('answer')).toBe('1001');
  expect(trigger(child, high)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('5001');
  expect(s.isApplied(target, high)).toBe(false);
  expect(trigger(child, high, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(trigger(child, low, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('2');
  expect(s.isApplied(target, low)).toBe(true);
});
