/**
 * ulp-dynsym-gate on libraries linked in many ways: programs run as before, with and without
 * libpulp.so, pointers stay equal, and the file stays one that other tools understand.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abi, linkAddress } from '@ulp/core';
import {
  dynamicSymbols,
  ElfFile,
  gatedEntry,
  isTrampoline,
  libraryNote,
  staticSymbols,
} from '../src';
import { gateSchema } from '../src/schema';
import { output, tool, words } from './commands';
import { outputOf, runProgram } from '../../../test-targets/harness/programs.cjs';

const LIBRARY = `
#include <stdio.h>
typedef int op(int);
int base(int x);
op *pointer_to_base(void), *pointer_to_hidden(void);
extern op *const table[2];
int call(op *f, int x);
int weak_one(int x), aliased(int x), guarded(int x);
__attribute__((visibility("hidden"))) int hidden_one(int x);
static __attribute__((noinline, noclone)) int internal(int x) { return x + 7; }
int base(int x) { return x + 1; }
int hidden_one(int x) { return x + 3; }
__attribute__((weak)) int weak_one(int x) { return x + 4; }
extern __typeof(base) aliased __attribute__((alias("base")));
__attribute__((visibility("protected"))) int guarded(int x) { return x + 5; }
op *pointer_to_base(void) { return base; }
op *pointer_to_hidden(void) { return hidden_one; }
op *const table[2] = { base, internal };
int call(op *f, int x) { return f(x); }
`;
const PROGRAM = `
#include <stdio.h>
typedef int op(int);
int base(int), weak_one(int), aliased(int), guarded(int), call(op *, int);
op *pointer_to_base(void), *pointer_to_hidden(void);
extern op *const table[2];
static int mine(int x) { return base(x) * 2; }
int main(void)
{
  printf("%d %d %d %d\\n", base(1), weak_one(1), aliased(1), guarded(1));
  printf("%d %d\\n", pointer_to_base() == base, table[0] == base);
  printf("%d %d %d %d\\n", call(base, 1), call(mine, 1), call(table[1], 1), call(pointer_to_hidden(), 1));
  return 0;
}
`;
const ANSWER = '2 5 2 6\n1 1\n2 4 8 4\n';

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'ulp-gate-'));
  writeFileSync(join(room, 'l.c'), LIBRARY);
  writeFileSync(join(room, 'p.c'), PROGRAM);
  writeFileSync(join(room, 'l.map'), 'V1 { global: *; }; V2 { global: base; } V1;');
});
afterAll(() => rmSync(room, { recursive: true }));

function link(...args: string[]): string {
  const out = join(room, 'libl.so');
  const flags = ['-O2', '-g', '-shared', '-fPIC', ...words('cflags'), '-Wl,-soname,libl.so'];
  outputOf('gcc', [...flags, join(room, 'l.c'), ...words('ldflags'), '-o', out, ...args]);
  return out;
}

function run(preload: boolean, ...args: string[]): string {
  const program = join(room, 'p');
  outputOf('gcc', [
    '-O2',
    join(room, 'p.c'),
    join(room, 'libl.so'),
    `-Wl,-rpath,${room}`,
    '-o',
    program,
    ...args,
  ]);
  return output(program, preload);
}

/**
 * Complaints. The one of __ehdr_start, which any linker gives that value, names a number that the
 * symbols of the gate change.
 */
const lint = (file: string): string =>
  runProgram('eu-elflint', ['--gnu-ld', file], { encoding: 'utf8' }).stdout.replace(
    /symbol \d+ (?=\(__ehdr_start\))/g,
    '',
  );

test.each([
  ['as usual'],
  ['IBT', '-fcf-protection'],
  ['-Bsymbolic', '-Wl,-Bsymbolic'],
  ['-Bsymbolic-functions', '-Wl,-Bsymbolic-functions'],
  ['-z now', '-Wl,-z,now'],
  ['RELR', '-Wl,-z,pack-relative-relocs'],
  ['System V hash', '-Wl,--hash-style=sysv'],
  ['GNU hash', '-Wl,--hash-style=gnu'],
  ['gc-sections', '-ffunction-sections', '-Wl,--gc-sections'],
  ['versions', `-Wl,--version-script=@ROOM@/l.map`],
  ['-Os', '-Os'],
  ['-O0', '-O0'],
  ['-fno-plt', '-fno-plt'],
  ['--emit-relocs', '-Wl,--emit-relocs'],
])('linked %s', (_, ...args) => {
  const library = link(...args.map((arg) => arg.replace('@ROOM@', room)));
  const before = lint(library);
  expect(run(false)).toBe(ANSWER);
  // With -Bsymbolic such a program sees other pointers than the library does, gated or not.
  const fixed = run(false, '-fno-pie', '-no-pie');
  const { status, stderr } = tool('ulp-dynsym-gate', library);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(lint(library)).toBe(before);
  for (const preload of [false, true]) {
    expect(run(preload)).toBe(ANSWER);
    expect(run(preload, '-fno-pie', '-no-pie')).toBe(fixed);
  }
  const elf = ElfFile.read(library);
  expect(libraryNote(elf)?.value.gate).toBe(abi.GATE.gated);
  const base = dynamicSymbols(elf).find((symbol) => symbol.name === 'base');
  expect(base && isTrampoline(elf, base.value)).toBe(true);
  for (const name of ['base', 'internal', 'hidden_one']) {
    const symbol = staticSymbols(elf).find((s) => s.name === name);
    expect(symbol && gatedEntry(elf, symbol.value)).toBeDefined();
  }
});

test('gated again it says so and changes nothing; -o leaves the input alone', () => {
  const library = link();
  const linked = readFileSync(library);
  const other = join(room, 'other.so');
  expect(tool('ulp-dynsym-gate', library, '-o', other).status).toBe(0);
  expect(readFileSync(library).equals(linked)).toBe(true);
  const gated = readFileSync(other);
  expect(gated.equals(linked)).toBe(false);
  const { status, stdout } = tool('ulp-dynsym-gate', other);
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: `${other}: gated already, nothing changed\n`,
  });
  expect(readFileSync(other).equals(gated)).toBe(true);
  const document: unknown = JSON.parse(String(tool('ulp-dynsym-gate', library, '--json').stdout));
  expect(gateSchema.parse(document)).toMatchObject({
    changed: true,
    uncovered: { noPadding: [], ifunc: [], returnsTwice: [] },
  });
});

test('strip, objcopy and eu-strip leave it working', () => {
  const library = link();
  tool('ulp-dynsym-gate', library);
  const keep = join(room, 'keep.so');
  copyFileSync(library, keep);
  for (const command of [
    ['strip', '--strip-debug', library],
    ['strip', '--strip-unneeded', library],
    ['strip', '-s', library],
    ['eu-strip', '-f', `${library}.debug`, library],
  ] as const) {
    copyFileSync(keep, library);
    const [name, ...args] = command;
    outputOf(name, args);
    for (const preload of [false, true]) expect(run(preload)).toBe(ANSWER);
  }
  copyFileSync(keep, library);
  outputOf('objcopy', ['--only-keep-debug', library, `${library}.debug`]);
  outputOf('objcopy', ['--strip-debug', `--add-gnu-debuglink=${library}.debug`, library]);
  expect(run(true)).toBe(ANSWER);
});

test.each([false, true])(
  'gdb stops once a call, in the real function (libpulp.so: %s)',
  (preload) => {
    const library = link();
    tool('ulp-dynsym-gate', library);
    run(preload);
    const environment = preload
      ? ['-ex', `set environment LD_PRELOAD ${words('path', 'libpulp.so').join()}`]
      : [];
    const { stdout } = runProgram(
      'gdb',
      [
        ...[
          '-nx',
          '-batch',
          '-ex',
          'set breakpoint pending on',
          '-ex',
          'set debuginfod enabled off',
        ],
        ...[...environment, '-ex', 'break weak_one', '-ex', 'run', '-ex', 'bt', '-ex', 'finish'],
        ...['-ex', 'continue', join(room, 'p')],
      ],
      { encoding: 'utf8' },
    );
    expect(
      stdout.match(/^(Thread 1 .* hit )?Breakpoint 1, weak_one \(x=1\) at .*l\.c/gm),
    ).toHaveLength(1);
    expect(stdout).toMatch(/^#0 +weak_one \(x=1\)/m);
    expect(stdout).toMatch(/ in main \(\)/);
    expect(stdout).toMatch(/exited normally/);
  },
);

test('what cannot be covered is named and works as before', () => {
  writeFileSync(
    join(room, 'odd.c'),
    `static int one(void) { return 1; }
     static int (*choose(void))(void) { return one; }
     int chosen(void) __attribute__((ifunc("choose")));
     int by_hand(void);
     __asm__(".globl by_hand; .type by_hand,@function; by_hand: movl $2, %eax; ret; .size by_hand, .-by_hand");
     int ordinary(void); int ordinary(void) { return chosen() + by_hand(); }`,
  );
  const out = join(room, 'libodd.so');
  outputOf('gcc', [
    '-O2',
    '-shared',
    '-fPIC',
    ...words('cflags'),
    join(room, 'odd.c'),
    ...words('ldflags'),
    '-o',
    out,
  ]);
  const { status, stderr } = tool('ulp-dynsym-gate', out);
  expect(status).toBe(0);
  expect(stderr).toMatch(/chosen: not tracked and not patchable: an IFUNC/);
  expect(stderr).toMatch(/by_hand: not tracked and not patchable: no padding/);
  writeFileSync(join(room, 'oddp.c'), 'int ordinary(void); int main(void) { return ordinary(); }');
  outputOf('gcc', [join(room, 'oddp.c'), out, `-Wl,-rpath,${room}`, '-o', join(room, 'oddp')]);
  const env = { ...process.env, LD_PRELOAD: words('path', 'libpulp.so').join() };
  expect(runProgram(join(room, 'oddp'), { env }).status).toBe(3);
});

test('what was not built for it is refused with a reason, and not touched', () => {
  const plain = join(room, 'plain.so');
  outputOf('gcc', ['-shared', '-fPIC', join(room, 'l.c'), '-o', plain]);
  const unpadded = join(room, 'unpadded.so');
  outputOf('gcc', ['-shared', '-fPIC', join(room, 'l.c'), ...words('ldflags'), '-o', unpadded]);
  const text = join(room, 'l.c');
  for (const [file, reason] of [
    [
      plain,
      /not built to be live-patchable: expected a library linked with trm\.o, found no ULP note/,
    ],
    [unpadded, /functions compiled with -fpatchable-function-entry=98,96, found none/],
    [text, /not an ELF file of the supported kind: expected an ELF file/],
    [join(room, 'missing.so'), /no such file/],
    [room, /not a regular file/],
  ] as const) {
    const old = file === room || /missing/.test(file) ? undefined : readFileSync(file);
    const { status, stdout, stderr } = tool('ulp-dynsym-gate', file);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(reason);
    if (old) expect(readFileSync(file).equals(old)).toBe(true);
  }
});

test('a note that was moved, before the gate or after it, still leads to the ulp_library', () => {
  const file = link();
  const note = (): NonNullable<ReturnType<typeof libraryNote>> => {
    const found = libraryNote(ElfFile.read(file));
    if (!found) throw new Error('no note');
    return found;
  };
  const { library } = note();
  /** As patchelf leaves it. */
  const move = (): void => {
    const bytes = readFileSync(file);
    const { at, value } = note();
    bytes.set(abi.ulp_note_library.encode({ ...value, distance: value.distance + 0x2000 }), at);
    writeFileSync(file, bytes);
  };
  move();
  expect(note().library).toBe(library);
  expect(tool('ulp-dynsym-gate', file).status).toBe(0);
  move();
  expect(note().library).toBe(library);
  expect(run(true)).toBe(ANSWER);
});

test('a library whose runtime is out of reach of its functions is refused', () => {
  const file = link();
  const elf = ElfFile.parse(readFileSync(file), file);
  const { library = 0n } = libraryNote(elf) ?? {};
  const bytes = readFileSync(file);
  bytes.writeInt32LE(
    -0x8000_0000,
    elf.offsetOf(linkAddress(library + BigInt(abi.ulp_library.offset.tpoff_way + 3))),
  );
  writeFileSync(file, bytes);
  const { status, stderr } = tool('ulp-dynsym-gate', file);
  expect(stderr).toMatch(/: malformed tpoff: expected within 2 GB of 0x[0-9a-f]+, found 0x/);
  expect(status).toBe(2);
  expect(readFileSync(file).equals(bytes)).toBe(true);
});
