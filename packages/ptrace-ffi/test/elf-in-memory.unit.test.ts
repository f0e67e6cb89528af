import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { PT } from '@ulp/elf';
import { HEADER_SIZE, notesAt, parseHeaders } from '../src/images/elf-in-memory';

const head = readFileSync(process.execPath).subarray(0, HEADER_SIZE);

test('the headers of a real program', () => {
  const types = parseHeaders(head)?.map((p) => p.p_type);
  expect(types).toEqual(expect.arrayContaining([PT.LOAD, PT.DYNAMIC, PT.NOTE]));
});

test('any damage to a header gives headers or undefined, never an exception', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 8 }),
      fc.nat(HEADER_SIZE),
      (changes, length) => {
        const damaged = Buffer.from(head.subarray(0, length));
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        const headers = parseHeaders(damaged);
        expect(headers === undefined || headers.length * 56 <= length).toBe(true);
      },
    ),
  );
});

test('notes: two, then one that does not fit', () => {
  const note = (owner: string, type: number, text: string): Buffer => {
    const name = Buffer.from(`${owner}\0`);
    const sizes = Buffer.alloc(12);
    [name.length, text.length, type].forEach((n, i) => sizes.writeUInt32LE(n, i * 4));
    const pad = (b: Buffer): Buffer => Buffer.concat([b, Buffer.alloc(-b.length & 3)]);
    return Buffer.concat([sizes, pad(name), pad(Buffer.from(text))]);
  };
  const bytes = Buffer.concat([note('GNU', 3, 'abcde'), note('ULP', 1, 'x'), note('BAD', 9, 'yy')]);
  bytes.writeUInt32LE(1 << 30, bytes.length - 16);
  expect(
    notesAt(bytes, 0x100n, 4n).map((n) => [
      n.owner,
      n.type,
      n.address,
      Buffer.from(n.description).toString(),
    ]),
  ).toEqual([
    ['GNU', 3, 0x110n, 'abcde'],
    ['ULP', 1, 0x128n, 'x'],
  ]);
});

test('any bytes give notes inside them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const notes = notesAt(Buffer.from(bytes), 0n, 4n);
      const inside = (n: (typeof notes)[number]) =>
        Number(n.address) + n.description.length <= bytes.length;
      expect(notes.every(inside)).toBe(true);
    }),
  );
});
