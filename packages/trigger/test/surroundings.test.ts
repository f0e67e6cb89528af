/** Processes in containers, without their first thread, after fork: paths and ids are what they see. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { preload } from '../../../test-targets/harness/build';
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
} from './setting';

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
    const needed = spawnSync('ldd', [file], { encoding: 'utf8' }).stdout;
    [file, ...(needed.match(/\/\S+/g) ?? [])].forEach(bring);
  }
  mkdirSync(join(root, 'proc'));
  const script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$1"';
  const target = await s.start('unshare', { args: ['--mount', 'sh', '-c', script, root, program] });
  const so = join(s.room, 'fix.so');
  const refused = trigger(target, patch);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toMatch(/fix\.so: no such file.*looked up in the target's root directory/);
  renameSync(so, root + so);
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
