import fc from 'fast-check';
import { mappingAt, parseMaps } from '@ulp/ptrace-ffi';

const line = (text: string) => parseMaps(`${text}\n`)[0];

describe('parseMaps', () => {
  test('a line of the kernel', () => {
    expect(line('7f00a000-7f00b000 r-xp 00002000 fe:01 1234      /usr/lib/libc.so.6')).toEqual({
      start: 0x7f00a000n,
      end: 0x7f00b000n,
      readable: true,
      writable: false,
      executable: true,
      shared: false,
      offset: 0x2000n,
      device: 'fe:01',
      inode: 1234n,
      path: '/usr/lib/libc.so.6',
      deleted: false,
    });
  });

  test.each([
    ['1000-2000 rw-p 00000000 00:00 0 ', '', false],
    ['1000-2000 rw-p 00000000 00:00 0          [stack]', '[stack]', false],
    ['1000-2000 r--p 00000000 00:01 77         /memfd:a b (deleted)', '/memfd:a b', true],
    ['1000-2000 r--p 00000000 00:01 77         /tmp/new\\012line', '/tmp/new\nline', false],
    ['1000-2000 r--p 00000000 00:01 77         /tmp/back\\slash', '/tmp/back\\slash', false],
    ['1000-2000 r--p 00000000 00:01 77         /tmp/\xc3\xa9', '/tmp/é', false],
    [
      '1000-2000 r--p 00000000 00:01 77         /tmp/x (deleted) (deleted)',
      '/tmp/x (deleted)',
      true,
    ],
  ])('names: %s', (text, path, deleted) => {
    expect(line(text)).toMatchObject({ path, deleted });
  });

  test('whatever a file is called, it makes one mapping with that name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        fc.pre(!name.includes('\0') && !name.includes('\\012') && !name.endsWith(' (deleted)'));
        const path = `/${name}`;
        const bytes = Buffer.from(path.replaceAll('\n', '\\012')).toString('latin1');
        const maps = parseMaps(`1000-2000 r--p 00000000 00:01 7     ${bytes}\n`);
        expect(maps.map((m) => m.path)).toEqual([Buffer.from(path).toString()]);
      }),
    );
  });

  test('mappingAt finds what holds an address, and nothing in a gap', () => {
    const maps = parseMaps(
      '1000-2000 r--p 0 00:00 0\n2000-3000 rw-p 0 00:00 0\n5000-6000 rw-p 0 00:00 0\n',
    );
    expect(
      [0xfffn, 0x1000n, 0x1fffn, 0x2000n, 0x3000n, 0x5000n, 0x6000n].map(
        (a) => mappingAt(maps, a)?.start,
      ),
    ).toEqual([undefined, 0x1000n, 0x1000n, 0x2000n, undefined, 0x5000n, undefined]);
  });
});
