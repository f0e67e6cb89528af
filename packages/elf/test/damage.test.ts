/** Damaged and crafted files are errors that say why, never crashes, and never cost much. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { isUlpError } from '@ulp/core';
import {
  definedVersions,
  dynamicRelocations,
  dynamicSymbols,
  ElfFile,
  fileBuildId,
  libraryNote,
  neededLibraries,
  planGate,
  relativeWords,
  rewrite,
  soname,
  staticSymbols,
} from '../src';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

let library: Buffer;
beforeAll(() => {
  const room = mkdtempSync(join(tmpdir(), 'ulp-elf-'));
  const file = join(room, 'l.so');
  writeFileSync(join(room, 'l.map'), 'V1 { global: f; local: *; };');
  const flags = [
    '-shared',
    '-fPIC',
    '-O2',
    '-x',
    'c',
    '-',
    '-o',
    file,
    `-Wl,--version-script=${room}/l.map`,
  ];
  outputOf('gcc', [...flags, '-Wl,--hash-style=both', '-Wl,-soname,l.so'], {
    input: 'int puts(const char *); int f(int x); int f(int x) { return puts("x") + x; }',
  });
  library = readFileSync(file);
  rmSync(room, { recursive: true });
});

/** Reads whatever can be read. */
function readAll(bytes: Uint8Array): void {
  const elf = ElfFile.parse(bytes, 'damaged');
  soname(elf);
  neededLibraries(elf);
  fileBuildId(elf);
  libraryNote(elf);
  dynamicSymbols(elf);
  staticSymbols(elf);
  definedVersions(elf);
  dynamicRelocations(elf);
  relativeWords(elf);
  rewrite(elf);
  planGate(elf);
}

/** undefined when it could be read; every error must be one of ours, about the file. */
function codeOf(bytes: Uint8Array): string | undefined {
  try {
    readAll(bytes);
    return undefined;
  } catch (error) {
    if (isUlpError(error) && error.exitCode === 2) return error.code;
    throw error;
  }
}

test('a file cut off at any byte is refused', () => {
  for (let size = 0; size < library.length; size++)
    expect(codeOf(library.subarray(0, size))).toMatch(/^(file-|elf-)/);
});

test('bit flips and rewritten words either do not matter or are refused', () => {
  const change = fc.record({
    at: fc.nat(library.length - 8),
    value: fc.oneof(
      fc.bigInt(0n, (1n << 64n) - 1n),
      fc.constantFrom(0n, 1n, 0xffffn, 0x7fffffffn, 0xffffffffn, 1n << 63n, (1n << 64n) - 1n),
    ),
    size: fc.constantFrom(1, 2, 4, 8),
  });
  // Most of what matters lies in the headers: look there often.
  const head = change.map((c) => ({ ...c, at: c.at % 0x400 }));
  fc.assert(
    fc.property(fc.array(fc.oneof(change, head), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(library);
      for (const { at, value, size } of changes)
        for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
      codeOf(bytes);
    }),
    { numRuns: 5000 },
  );
});

test.each([
  ['another class', 4, 1, /expected a 64-bit file, found class 1/],
  ['big endian', 5, 2, /expected little-endian, found data encoding 2/],
  ['aarch64', 18, 183, /expected machine 62 \(x86-64\), found machine 183/],
  ['no ELF', 0, 0x23, /expected an ELF file, found a file that begins with 0x23454c46/],
] as const)('%s is named', (_, at, value, message) => {
  const bytes = Buffer.from(library);
  bytes[at] = value;
  expect(() => ElfFile.parse(bytes, 'l.so')).toThrow(message);
});

test('a table whose symbols all name one huge string is refused before memory runs out', () => {
  const [count, length] = [20_000, 8 << 20];
  const [symbols, strings] = [64, 64 + count * 24];
  const sections = strings + length + 1;
  const bytes = Buffer.alloc(sections + 3 * 64);
  library.copy(bytes, 0, 0, 64);
  bytes.fill('x', strings, strings + length);
  bytes.writeBigUInt64LE(BigInt(sections), 40);
  bytes.writeUInt16LE(0, 56);
  bytes.writeUInt16LE(3, 60);
  bytes.writeUInt16LE(0, 62);
  for (const [index, type, offset, size, link] of [
    [1, 2, symbols, count * 24, 2],
    [2, 3, strings, length + 1, 0],
  ] as const) {
    const at = sections + index * 64;
    bytes.writeUInt32LE(type, at + 4);
    bytes.writeBigUInt64LE(BigInt(offset), at + 24);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
    bytes.writeUInt32LE(link, at + 40);
  }
  expect(() => staticSymbols(ElfFile.parse(bytes, 'bomb'))).toThrow(/a string bomb/);
});
