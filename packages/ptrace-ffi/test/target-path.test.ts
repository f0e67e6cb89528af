/** Names are the target's names: inside its root directory, whatever it puts there. */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { cleanUp, codeOf, compile, scratch, start, type Target } from './target';
import { asRoot } from '../../../test-targets/harness/as-root';
import { outputOf } from '../../../test-targets/harness/programs.cjs';
import { makeFifo } from '../../../test-targets/harness/fifo';

const root = join(scratch, 'root');

afterAll(cleanUp);

asRoot(describe)('a process in a root directory of its own', () => {
  let target: Target;

  beforeAll(async () => {
    mkdirSync(join(root, 'lib/deep'), { recursive: true });
    copyFileSync(compile('echo', '-static'), join(root, 'echo'));
    writeFileSync(join(root, 'lib/file'), 'inside');
    writeFileSync(join(root, 'passwd'), 'of the root');
    for (const [link, to] of Object.entries({
      relative: 'lib/file',
      absolute: '/lib/file',
      up: '../../../../../../passwd',
      escape: '/../../../../../passwd',
      chain: 'lib/deep/back',
      'lib/deep/back': '../../absolute',
      directory: '/lib',
      loop: 'loop',
      nowhere: '/no/such/file',
      outside: join(scratch, 'secret'),
    }))
      symlinkSync(to, join(root, link));
    writeFileSync(join(scratch, 'secret'), 'outside');
    makeFifo(join(root, 'fifo'));
    target = await start('chroot', [root, '/echo']);
  });

  const read = (path: string): string => {
    const fd = openProcess(target.pid).openFile(path);
    try {
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  };

  test.each([
    ['/lib/file', 'inside'],
    ['//lib/./deep/../file', 'inside'],
    ['/../../lib/file', 'inside'],
    ['/relative', 'inside'],
    ['/absolute', 'inside'],
    ['/up', 'of the root'],
    ['/escape', 'of the root'],
    ['/chain', 'inside'],
    ['/directory/file', 'inside'],
  ])('%s', (path, content) => {
    expect(read(path)).toBe(content);
  });

  test.each([
    ['/outside', 'file-missing'],
    ['/nowhere', 'file-missing'],
    ['/loop', 'file-missing'],
    ['/lib', 'file-not-regular'],
    ['/fifo', 'file-not-regular'],
    ['/', 'file-not-regular'],
    ['relative', 'file-missing'],
    ['/lib/file/x', 'file-missing'],
    ['/a\0b', 'file-missing'],
    [`/${'x'.repeat(5000)}`, 'file-missing'],
    [`/${'x'.repeat(300)}`, 'file-missing'],
  ])('%s is refused: %s', (path, code) => {
    expect(codeOf(() => read(path))).toBe(code);
  });

  test('its images have its own names', () => {
    expect(
      openProcess(target.pid)
        .images()
        .map((i) => i.path),
    ).toEqual(['/echo']);
  });
});

test('files do not stay open', () => {
  const count = () =>
    outputOf('ls', [`/proc/${process.pid}/fd`], { encoding: 'utf8' }).split('\n').length;
  const self = openProcess(pid(process.pid));
  const before = count();
  for (let i = 0; i < 200; i++) codeOf(() => self.openFile('/etc/no/such/file'));
  closeSync(self.openFile('/etc/passwd'));
  expect(count()).toBeLessThan(before + 50);
});
