/** A no-op rewrite gives the same bytes, on every shared library of the machine. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isUlpError } from '@ulp/core';
import {
  definedVersions,
  dynamicRelocations,
  dynamicSymbols,
  ElfFile,
  fileBuildId,
  neededLibraries,
  relativeWords,
  rewrite,
  soname,
  staticSymbols,
} from '../src';

/**
 * Files named like shared libraries; links are left out, their files are visited under their names.
 */
function* sharedLibraries(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sharedLibraries(path);
    else if (entry.isFile() && /\.so(\.|$)/.test(entry.name) && lstatSync(path).size > 0)
      yield path;
  }
}

/** Linker scripts, and libraries for other machines, have names like libraries too. */
function open(path: string): ElfFile | undefined {
  try {
    return ElfFile.read(path);
  } catch (error) {
    if (isUlpError(error) && error.code === 'elf-unsupported') return undefined;
    throw error;
  }
}

test('a no-op rewrite of every shared library below /usr/lib is byte for byte the same', () => {
  let same = 0;
  const others: string[] = [];
  const different: string[] = [];
  for (const path of sharedLibraries('/usr/lib')) {
    const elf = open(path);
    if (!elf) {
      others.push(path);
      continue;
    }
    if (Buffer.compare(rewrite(elf), elf.view.bytes) === 0) same++;
    else different.push(path);
  }
  expect(different).toEqual([]);
  expect(same).toBeGreaterThan(50);
  console.log(`${same} libraries rewritten, ${others.length} other files left out`);
});

test('every table of libc can be read, and says what readelf says', () => {
  const elf = ElfFile.read('/usr/lib/x86_64-linux-gnu/libc.so.6');
  expect(soname(elf)).toBe('libc.so.6');
  expect(neededLibraries(elf)).toEqual(['ld-linux-x86-64.so.2']);
  expect(fileBuildId(elf)).toMatch(/^[0-9a-f]{40}$/);
  const printf = dynamicSymbols(elf).find((symbol) => symbol.name === 'printf');
  expect(printf?.version).toEqual({ name: 'GLIBC_2.2.5', isDefault: true });
  expect(definedVersions(elf).length).toBe(dynamicSymbols(elf).length);
  expect(dynamicRelocations(elf).length + relativeWords(elf).length).toBeGreaterThan(100);
  expect(staticSymbols(elf)).toEqual([]); // stripped
});
