/**
 * ulp-dynsym-gate on what symbols can be beyond C: C++ classes, and several versions of one name.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abi } from '@ulp/core';
import { dynamicSymbols, ElfFile, isTrampoline, staticSymbols, STT } from '../src';
import { output, tool, words } from './commands';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'ulp-gate-symbols-'));
});
afterAll(() => rmSync(room, { recursive: true }));

interface Sources {
  readonly compiler: 'gcc' | 'g++';
  readonly library: string;
  readonly program: string;
}

/** A library and a program that uses it. */
function build({ compiler, library, program }: Sources, ...args: string[]): [string, string] {
  const out = join(room, 'libit.so');
  const shared = ['-g', '-shared', '-fPIC', '-Wl,-soname,libit.so', ...words('cflags')];
  outputOf(compiler, [...shared, ...args, library, ...words('ldflags'), '-o', out]);
  const executable = join(room, 'program');
  outputOf(compiler, ['-O1', program, out, `-Wl,-rpath,${room}`, '-o', executable]);
  return [out, executable];
}

const CLASSES: Sources = {
  compiler: 'g++',
  library: join(__dirname, 'cxx/library.cc'),
  program: join(__dirname, 'cxx/program.cc'),
};
const ANSWER = '15 15 15 15\n20 30 111\n1 1\n1 1\n15 30 1\n7\nodd\n1002 9 51\n';

test.each([
  ['-O0', '-O0'],
  ['-O2', '-O2'],
  ['-Os', '-Os'],
  ['-Bsymbolic', '-O2', '-Wl,-Bsymbolic'],
  ['IBT', '-O1', '-fcf-protection'],
  ['RELR', '-O1', '-Wl,-z,pack-relative-relocs'],
])('C++ classes with virtual bases, thunks and RTTI: %s', (_, ...args) => {
  const [library, program] = build(CLASSES, ...args);
  expect(output(program, false)).toBe(ANSWER);
  expect(tool('ulp-dynsym-gate', library).status).toBe(0);
  for (const preload of [false, true]) expect(output(program, preload)).toBe(ANSWER);
});

test('the thunks of C++ classes are named', () => {
  const [library] = build(CLASSES, '-O0');
  const { stderr } = tool('ulp-dynsym-gate', library);
  expect(String(stderr).match(/_ZT[hv]\S+: not tracked and not patchable: /g)?.length).toBe(
    dynamicSymbols(ElfFile.read(library)).filter(({ name }) => /^_ZT[hv]/.test(name)).length,
  );
  expect(stderr).toMatch(/_ZTv0_n24_N4Both1fEi: not tracked and not patchable/);
});

/** `pick` has two versions, the old one for those who ask for it by name. */
const LIBRARY = `
int old_pick(int x), new_pick(int x), other(int x);
__asm__(".symver old_pick, pick@V1");
__asm__(".symver new_pick, pick@@V2");
int old_pick(int x) { return x + 1; }
int new_pick(int x) { return x + 2; }
int other(int x) { return new_pick(x) * 10; }
int (*const table[])(int) = {old_pick, new_pick};
`;
const PROGRAM = `
#include <stdio.h>
int pick(int), old(int), other(int);
extern int (*const table[2])(int);
__asm__(".symver old, pick@V1");
int main(void)
{
  printf("%d %d %d\\n", old(1), pick(1), other(1));
  printf("%d %d\\n", table[0](1), table[1](1));
  printf("%d %d\\n", table[0] == old, table[1] == pick);
  return 0;
}
`;

test.each([['as usual'], ['-Bsymbolic', '-Wl,-Bsymbolic'], ['-O0', '-O0']])(
  'two versions of one name: %s',
  (_, ...args) => {
    const map = join(room, 'map');
    writeFileSync(map, 'V1 { global: pick; table; other; local: *; };\nV2 { global: pick; } V1;\n');
    writeFileSync(join(room, 'l.c'), LIBRARY);
    writeFileSync(join(room, 'p.c'), PROGRAM);
    const sources: Sources = {
      compiler: 'gcc',
      library: join(room, 'l.c'),
      program: join(room, 'p.c'),
    };
    const [library, program] = build(sources, '-O2', `-Wl,--version-script=${map}`, ...args);
    const answer = '2 3 30\n2 3\n1 1\n';
    expect(output(program, false)).toBe(answer);
    expect(tool('ulp-dynsym-gate', library).status).toBe(0);
    for (const preload of [false, true]) expect(output(program, preload)).toBe(answer);

    const elf = ElfFile.read(library);
    const picks = dynamicSymbols(elf).filter(({ name }) => name === 'pick');
    expect(picks.map(({ version }) => version?.name).sort()).toEqual(['V1', 'V2']);
    for (const { value } of picks) expect(isTrampoline(elf, value)).toBe(true);
  },
);

test('trampolines have names by which gdb follows them, where these say one thing', () => {
  const source = join(room, 'names.c');
  const other = join(room, 'other.c');
  writeFileSync(
    source,
    `int shown(int); static __attribute__((noinline)) int twice(int x) { return x; }
     static __attribute__((noinline)) int once(int x) { return x; }
     int (*const kept[])(int) = {twice, once}; int shown(int x) { return kept[0](x); }`,
  );
  writeFileSync(
    other,
    `static __attribute__((noinline)) int twice(int x) { return x + 1; }
     int (*const more[])(int) = {twice};`,
  );
  const library = join(room, 'libnames.so');
  const flags = ['-O2', '-shared', '-fPIC', ...words('cflags')];
  outputOf('gcc', [...flags, source, other, ...words('ldflags'), '-o', library]);
  expect(tool('ulp-dynsym-gate', library).status).toBe(0);
  const symbols = staticSymbols(ElfFile.read(library));
  const addressOf = (wanted: string): bigint | undefined =>
    symbols.find(({ name }) => name === wanted)?.value;
  const thunks = symbols.filter(({ name }) => name.startsWith('_ZThn0_'));
  expect(thunks.map(({ name }) => name).sort()).toEqual(['_ZThn0_4once', '_ZThn0_5shown']);
  for (const name of ['once', 'shown'])
    expect(addressOf(`_ZThn0_${name.length}${name}`)).toBe(
      (addressOf(name) ?? 0n) - BigInt(abi.PADDING.before),
    );
  const selectors = symbols.filter(({ name }) => name === '__ulp_selector');
  expect(selectors.map(({ type }) => type)).toEqual(Array(4).fill(STT.GNU_IFUNC));
});
