/** Names of addresses, against what nm says; and files that lie. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunctionNames, type ReadAt } from '@ulp/elf';
import fc from 'fast-check';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

const room = mkdtempSync(join(tmpdir(), 'ulp-names-'));
const file = join(room, 'lib.so');
const stripped = join(room, 'stripped.so');

const SOURCE = `
static __attribute__((noinline)) int helper(int x) { return x * 7 + 1; }
int api(int x) { return helper(x) - 1; }
int __api(int x) __attribute__((alias("api")));
__asm__(".text\\n.p2align 5\\n.type sizeless,@function\\nsizeless: nop\\nnop\\nnop\\nret\\n"
        ".p2align 5,0x90\\n.type after,@function\\nafter: ret\\n.size after,1\\n.zero 16");
`;

beforeAll(() => {
  writeFileSync(join(room, 'lib.c'), SOURCE);
  outputOf('gcc', ['-O2', '-shared', '-fPIC', '-o', file, join(room, 'lib.c')]);
  outputOf('strip', ['-o', stripped, file]);
});
afterAll(() => rmSync(room, { recursive: true }));

const reader =
  (bytes: Buffer): ReadAt =>
  (offset, size) =>
    offset >= 0 && size >= 0 && offset + size <= bytes.length
      ? bytes.subarray(offset, offset + size)
      : undefined;

const namesOf = (path: string) => FunctionNames.of(reader(readFileSync(path)));

function addressOf(name: string): bigint {
  const nm = outputOf('nm', [file], { encoding: 'utf8' });
  return BigInt(
    `0x${
      nm
        .split('\n')
        .find((line) => line.endsWith(` ${name}`))
        ?.split(' ')[0]
    }`,
  );
}

test('static functions, and the plain one of several names', () => {
  const names = namesOf(file);
  for (const name of ['helper', 'api'])
    for (const inside of [0n, 1n])
      expect(names.at(addressOf(name) + inside)).toEqual({
        name,
        start: addressOf(name),
        table: 'symtab',
      });
});

test('a function without a size reaches to the next one, one with a size no further', () => {
  const names = namesOf(file);
  expect(names.at(addressOf('sizeless') + 3n)?.name).toBe('sizeless');
  expect(names.at(addressOf('after'))?.name).toBe('after');
  expect(names.at(addressOf('after') + 1n)).toBeUndefined();
  expect(names.at(0n)).toBeUndefined();
  expect(names.at((1n << 64n) - 1n)).toBeUndefined();
});

test('stripped: what is exported', () => {
  const names = namesOf(stripped);
  expect(names.at(addressOf('api') + 1n)).toMatchObject({ name: 'api', table: 'dynsym' });
  expect(names.at(addressOf('helper'))).toBeUndefined();
});

test('a damaged file names something or nothing, and never fails', () => {
  const original = readFileSync(file);
  const address = addressOf('helper');
  const sections = Number(original.readBigUInt64LE(40));
  const change = fc.record({
    at: fc.oneof(
      fc.nat(original.length - 8),
      fc.integer({ min: sections, max: original.length - 8 }),
      fc.nat(63),
    ),
    value: fc.oneof(
      fc.bigInt(0n, (1n << 64n) - 1n),
      fc.constantFrom(0n, 1n, 0xffffn, 0xffffffffn, 1n << 53n, 1n << 63n, (1n << 64n) - 1n),
    ),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(original);
      for (const { at, value } of changes) bytes.writeBigUInt64LE(value, at);
      const found = FunctionNames.of(reader(bytes)).at(address);
      expect(found === undefined || found.start <= address).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
