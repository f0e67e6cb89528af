/**
 * A damaged library is an error that says why, or is compared as what it has become; never more.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { isUlpError } from '@ulp/core';
import { ElfFile } from '@ulp/elf';
import { compareLibraries } from '../src/compare/compare';
import { library, type Library } from '../src/compare/functions';
import { Fixtures } from './fixtures';

let files: Fixtures;
let bytes: Buffer;
let whole: Library;
beforeAll(() => {
  files = new Fixtures();
  bytes = readFileSync(files.target);
  whole = library('whole', ElfFile.parse(bytes, 'whole'));
});
afterAll(() => files.remove());

const damage = fc.array(
  fc.record({
    /** Of the file; headers and tables are hit as often as the rest. */
    where: fc.oneof(
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.double({ min: 0, max: 0.05, noNaN: true }),
      fc.double({ min: 0.6, max: 0.999, noNaN: true }),
    ),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
    length: fc.integer({ min: 1, max: 8 }),
  }),
  { minLength: 1, maxLength: 12 },
);

test('bytes changed at random', () => {
  let compared = 0;
  fc.assert(
    fc.property(damage, (places) => {
      const damaged = Buffer.from(bytes);
      for (const { where, value, length } of places)
        damaged.fill(
          value,
          Math.floor(where * bytes.length),
          Math.floor(where * bytes.length) + length,
        );
      try {
        const other = library('damaged', ElfFile.parse(damaged, 'damaged'));
        compareLibraries(whole, other);
        compareLibraries(other, whole);
        compared++;
      } catch (error) {
        if (!isUlpError(error)) throw error;
        expect(error.exitCode).toBe(2);
      }
    }),
    { numRuns: Number(process.env.ULP_TEST_DAMAGES ?? 150) },
  );
  expect(compared).toBeGreaterThan(0);
}, 300_000);

test('functions that all claim the whole section cost little', () => {
  const elf = ElfFile.parse(bytes, 'bomb');
  const bomb = Buffer.from(bytes);
  for (const { at, type } of whole.symbols)
    if (type === 2) bomb.writeBigUInt64LE(1n << 40n, at + 16);
  expect(elf.sections.length).toBeGreaterThan(0);
  const library_ = library('bomb', ElfFile.parse(bomb, 'bomb'));
  expect(() => compareLibraries(whole, library_)).toThrow(
    /bomb: malformed symbol table: expected functions that overlap little/,
  );
});
