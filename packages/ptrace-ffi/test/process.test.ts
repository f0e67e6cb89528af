/** A well-behaved process, seen from outside. */
import {
  readFileSync,
  readlinkSync,
  realpathSync,
  unlinkSync,
  copyFileSync,
  closeSync,
} from 'node:fs';
import { join } from 'node:path';
import { pid, remoteAddress, tid } from '@ulp/core';
import { ImageCache, listPids, mappingAt, openProcess } from '@ulp/ptrace-ffi';
import { lockProcess } from '@ulp/ptrace-ffi/borrowing';
import { cleanUp, codeOf, compile, scratch, start, type Target } from './target';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

let program: string;
let target: Target;
beforeAll(async () => {
  program = compile('echo');
  target = await start(program, ['threads']);
});
afterAll(cleanUp);

const buildIdOf = (file: string): string | undefined =>
  /Build ID: (\w+)/.exec(outputOf('readelf', ['-n', file], { encoding: 'utf8' }))?.[1];

const markOf = (t: Target) => remoteAddress(BigInt(t.ready.split(' ')[1] ?? 0));

test('images are those that the kernel has mapped, with load bias and build-id', () => {
  const process = openProcess(target.pid);
  const images = process.images();
  expect(images.map((i) => i.path)).toEqual(
    expect.arrayContaining([
      program,
      expect.stringMatching(/libc\.so\.6$/),
      expect.stringMatching(/ld-linux/),
    ]),
  );
  for (const image of images) expect(image.buildId).toBe(buildIdOf(image.path));
  const first = images.find((i) => i.path === program);
  const map = readFileSync(`/proc/${target.pid}/maps`, 'utf8')
    .split('\n')
    .find((l) => l.includes(program));
  expect(map).toMatch(new RegExp(`^${first?.loadBias.toString(16)}-`));
  process.close();
});

test('a file that is mapped as data only is no image', () => {
  // node maps nothing of the sort; this process's own images must all have code where they say.
  const self = openProcess(pid(process.pid));
  const maps = self.maps();
  for (const image of self.images(maps)) {
    const code = image.programHeaders.find((p) => p.p_type === 1 && p.p_flags & 1);
    expect(mappingAt(maps, image.loadBias + (code?.p_vaddr ?? 0n))?.executable).toBe(true);
  }
});

test('the link map names the same libraries', () => {
  const process = openProcess(target.pid);
  const named = process.linkMap().filter((l) => l.image);
  expect(named.map((l) => [l.loadBias, realpathSync(l.name || program)])).toEqual(
    expect.arrayContaining(process.images().map((i) => [i.loadBias, realpathSync(i.path)])),
  );
});

test('a shared cache gives the same images', async () => {
  const cache = new ImageCache();
  const other = await start(program);
  const summary = (id: number, shared?: ImageCache) =>
    openProcess(pid(id), shared ? { cache: shared } : {})
      .images()
      .map((i) => [i.path, i.loadBias, i.buildId, i.notes.length]);
  summary(target.pid, cache);
  expect(summary(other.pid, cache)).toEqual(summary(other.pid));
  await other.killed();
});

test('threads, with their names and states', () => {
  const threads = openProcess(target.pid).threads();
  expect(threads.map((t) => t.name).sort()).toEqual(['echo', 'one', 'three', 'two (2)']);
  expect(threads.every((t) => t.targetTid === t.tid && t.state === 'S')).toBe(true);
  const one = threads.find((t) => t.name === 'one');
  const pause = openProcess(target.pid).asleep(one?.tid ?? tid(0))?.syscall;
  expect(pause).toBe(34);
});

test('memory is read and written, and the process goes on with what was written', async () => {
  const process = openProcess(target.pid, { writable: true });
  const { memory } = process;
  expect(memory.readString(markOf(target), 100)).toBe("a string in the target's memory");
  memory.write(markOf(target), Buffer.from('B'));
  expect(await target.ask('alive?')).toBe("1 B string in the target's memory");
  expect(codeOf(() => memory.readString(markOf(target), 5))).toBe('process-hostile');
  expect(memory.tryRead(remoteAddress(0n), 8)).toBeUndefined();
  expect(memory.tryRead(remoteAddress(-8n), 8)).toBeUndefined();
  expect(memory.tryRead(remoteAddress(1n << 62n), 8)).toBeUndefined();
  expect(codeOf(() => memory.read(remoteAddress(16n), 8))).toBe('process-hostile');
  expect(codeOf(() => memory.write(remoteAddress(16n), Buffer.from('x')))).toBe('process-hostile');
  const stack = process.maps().find((m) => m.path === '[stack]');
  const last = remoteAddress((stack?.end ?? 0n) - 8n);
  expect(memory.tryRead(last, 8)).toHaveLength(8);
  expect(memory.tryRead(last, 9)).toBeUndefined();
  process.close();
});

test('read-only memory stays so unless asked for', () => {
  const process = openProcess(target.pid);
  expect(() => process.memory.write(markOf(target), Buffer.from('C'))).toThrow();
  expect(process.memory.read(markOf(target), 1).toString()).toBe('B');
  process.close();
});

test('memory stays with the address space: after exec it is gone, not another one', async () => {
  const other = await start(program, ['exec']);
  const process = openProcess(other.pid);
  expect(process.memory.readString(markOf(other), 100)).toContain('a string');
  expect(await other.ask('exec')).toMatch(/^ready/);
  expect(codeOf(() => process.memory.read(markOf(other), 1))).toBe('process-missing');
  process.close();
  await other.killed();
});

test('main has ended, the other threads go on', async () => {
  const other = await start(compile('main-ended'));
  const process = openProcess(other.pid, { writable: true });
  expect(process.through((task) => task)).not.toBe(process.pid);
  expect(process.images().map((i) => i.path)).toContainEqual(expect.stringMatching(/libc\.so/));
  expect(process.linkMap().length).toBeGreaterThan(2);
  expect(process.memory.readString(markOf(other), 20)).toBe('mark');
  closeSync(process.openFile('/etc/passwd'));
  lockProcess(other.pid, 0).release();
  process.assertAlive();
  process.close();
  expect(await other.ask('alive?')).toBe('alive');
  await other.killed();
});

test('a pid that another process has now is noticed', async () => {
  const other = await start(program);
  const process = openProcess(other.pid);
  process.assertAlive();
  const earlier = { startTime: { value: process.startTime - 1n } };
  const impostor = Object.create(process, earlier) as typeof process;
  expect(codeOf(() => impostor.assertAlive())).toBe('process-missing');
  await other.killed();
  expect(codeOf(() => process.assertAlive())).toBe('process-missing');
  expect(codeOf(() => process.maps())).toBe('process-missing');
  expect(process.threads()).toEqual([]);
});

test('a file that was replaced is known as deleted, and by its memory', async () => {
  const copy = join(scratch, 'copied echo');
  copyFileSync(program, copy);
  const other = await start(copy);
  unlinkSync(copy);
  const image = openProcess(other.pid).images()[0];
  expect(image).toMatchObject({ path: copy, deleted: true, buildId: buildIdOf(program) });
  await other.killed();
});

test('files are opened by the name that the target has for them', () => {
  const process = openProcess(target.pid);
  const fd = process.openFile(program);
  expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe(program);
  closeSync(fd);
});

test('this process is among the pids', () => {
  expect(listPids()).toContain(pid(process.pid));
});
