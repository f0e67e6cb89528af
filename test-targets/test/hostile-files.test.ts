/**
 * What stands where the target is to load its patch from: only the very file that was packed, and a
 * regular one, is opened and read.
 */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Hostile } from '../harness/hostile';
import { scenario } from '../harness/scenario';
import { outputOf } from '../harness/programs.cjs';

const NOT_PACKED = /fix\.so: not the file that was packed: expected /;
const NOT_REGULAR = /fix\.so: not a regular file$/m;

/** A file with the first bytes of another one, and zeros up to its size. */
function cut(from: string, to: string, size: number): void {
  writeFileSync(to, readFileSync(from));
  truncateSync(to, size);
}

scenario('in place of the patch .so', async (s) => {
  const hostile = new Hostile(s);
  const { library, patch } = hostile;
  const target = await s.start(s.program('simple/program.c', [library]));
  const so = join(s.room, 'fix.so');
  const real = join(s.room, 'real.so');
  renameSync(so, real);
  const maps = target.maps();
  const server = createServer();
  const kinds: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['nothing', () => undefined, /fix\.so: no such file/],
    ['a FIFO', () => outputOf('mkfifo', [so]), NOT_REGULAR],
    ['a directory', () => mkdirSync(so), NOT_REGULAR],
    ['a device', () => symlinkSync('/dev/zero', so), NOT_REGULAR],
    ['a terminal', () => symlinkSync('/dev/tty', so), NOT_REGULAR],
    ['a socket', () => new Promise<void>((done) => server.listen(so, done)), NOT_REGULAR],
    ['a link to itself', () => symlinkSync('fix.so', so), /fix\.so: no such file.*links/],
    ['a link to a file of /proc', () => symlinkSync('/proc/kmsg', so), NOT_PACKED],
    ['a link through a process', () => symlinkSync('/proc/self/exe', so), NOT_PACKED],
    ['an empty file', () => writeFileSync(so, ''), NOT_PACKED],
    [
      'a longer file',
      () => writeFileSync(so, Buffer.concat([readFileSync(real), Buffer.from('x')])),
      NOT_PACKED,
    ],
    ['a shorter file', () => cut(real, so, 4096), NOT_PACKED],
    ['a terabyte', () => cut('/dev/null', so, 2 ** 40), NOT_PACKED],
    ['other bytes', () => cut('/dev/null', so, 15000), NOT_PACKED],
  ];
  for (const [kind, make, fact] of kinds) {
    await make();
    for (const more of [['--dry-run'], []]) {
      const args = [String(target.pid), patch, ...more];
      const outcome = hostile.run('ulp-trigger', args, undefined, [2, 3, 4]);
      expect({ kind, ...outcome }).toMatchObject({ stderr: expect.stringMatching(fact) as string });
    }
    rmSync(so, { recursive: true, force: true });
  }
  server.close();
  expect(target.maps()).toBe(maps);
  expect(await target.ask('answer')).toBe('2');
  renameSync(real, so);
  s.apply(target, patch);
  expect(await target.ask('answer')).toBe('1001');
});
