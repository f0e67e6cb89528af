import fc from 'fast-check';
import {
  array,
  bytes,
  ByteView,
  field,
  i32,
  struct,
  text,
  u16,
  u32,
  u64,
  u8,
  UlpError,
} from '../src';

const pair = struct('pair', { a: field(u16, ''), b: field(u64, '') });
const all = struct('all', {
  one: field(u8, ''),
  two: field(u16, ''),
  four: field(u32, ''),
  signed: field(i32, ''),
  eight: field(u64, ''),
  raw: field(bytes(3), ''),
  name: field(text(8), ''),
  pairs: field(array(pair, 2), ''),
});
const pairValue = fc.record({ a: fc.nat(0xffff), b: fc.bigInt(0n, (1n << 64n) - 1n) });
const allValue = fc.record({
  one: fc.nat(0xff),
  two: fc.nat(0xffff),
  four: fc.nat(0xffffffff),
  signed: fc.integer(),
  eight: fc.bigInt(0n, (1n << 64n) - 1n),
  raw: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  name: fc.stringMatching(/^[a-z]{0,7}$/),
  pairs: fc.tuple(pairValue, pairValue).map((p) => [...p]),
});

test('a struct lies in file order without padding, little-endian', () => {
  expect(pair.size).toBe(10);
  expect(pair.offset).toEqual({ a: 0, b: 2 });
  expect(Buffer.from(pair.encode({ a: 0x0102, b: 0x1122334455667788n })).toString('hex')).toBe(
    '02018877665544332211',
  );
});

test('encode and read are inverse', () => {
  fc.assert(
    fc.property(allValue, (value) => {
      expect(all.read(new ByteView(all.encode(value), 'x'))).toEqual(value);
    }),
  );
});

test('a struct that does not fit is an error that says where and how much', () => {
  const view = new ByteView(new Uint8Array(9), 'lib.so');
  expect(() => pair.read(view, 0)).toThrow(UlpError);
  expect(() => pair.read(view, 0)).toThrow(
    'lib.so: the file ends too early: expected 10 bytes of pair at offset 0, found 9 bytes in all',
  );
  expect(() => pair.read(view, -1)).toThrow(UlpError);
  expect(() => pair.read(view, 2 ** 60)).toThrow(UlpError);
});

test('strings need their NUL, numbers must be exact', () => {
  const view = new ByteView(Buffer.from('ab\0cd'), 'x');
  expect(view.string(0, 'name')).toBe('ab');
  expect(() => view.string(3, 'name')).toThrow('NUL-terminated name');
  expect(() => view.number(1n << 53n, 'e_shoff')).toThrow('e_shoff below 2^53');
});
