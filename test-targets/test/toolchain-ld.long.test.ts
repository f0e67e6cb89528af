/**
 * ld -z ulp, built by `npm run toolchain -- ld` (kept in build/toolchain): what it links needs no
 * gate, and is patched.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  dynamicSymbols,
  ElfFile,
  functionBehind,
  isGlobal,
  isTrampoline,
  staticSymbols,
} from '@ulp/elf';
import { compareFiles } from '@ulp/packer';
import { TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';
import { runTool, succeed } from '../harness/tools';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { LONG_MS } from '../harness/wait.cjs';

const ROOT = join(TARGETS, '..');
const PREFIX = join(ROOT, 'build/toolchain/prefix');
const LD = `-B${PREFIX}/bin/`;
const MINUTES = 60_000;

beforeAll(() => {
  // The tests here say themselves what links.
  delete process.env.ULP_TEST_TOOLCHAIN;
  outputOf(process.execPath, [join(ROOT, 'scripts/toolchain.mjs'), 'ld'], {
    env: { ...process.env, ULP_TOOLCHAIN: PREFIX },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: LONG_MS,
  });
}, 40 * MINUTES);

scenario('what it links is gated, and an exported and a static function are patched', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so', { ungated: true, args: [LD] });
  const before = readFileSync(library);
  expect(succeed('ulp-dynsym-gate', library)).toContain('gated already, nothing changed');
  expect(readFileSync(library).equals(before)).toBe(true);
  const elf = ElfFile.read(library);
  const inside = staticSymbols(elf).find(({ name }) => name === 'answer');
  const outside = dynamicSymbols(elf).find((f) => f.name === 'answer' && isGlobal(f));
  if (!inside || !outside) throw new Error('no symbol answer');
  expect(isTrampoline(elf, outside.value)).toBe(true);
  expect(functionBehind(elf, outside.value)).toBe(inside.value);

  const pairs = ['answer:new_answer', 'twice:new_twice'];
  const patch = s.patch('simple/patch.c', 'fix', [[library, pairs]]);
  const target = await s.start(s.program('simple/program.c', [library]));
  expect(await target.ask('answer')).toBe('2');
  s.apply(target, patch);
  expect(await target.ask('answer')).toBe('1001');
  expect(await target.ask('pointer')).toBe('1001');
  expect(await target.ask('static')).toBe('201');
  s.revert(target, patch);
  expect(await target.ask('answer')).toBe('2');
  expect(await target.ask('static')).toBe('21');
});

/** Address and size that nm has of a function. */
function symbol(path: string, name: string, ...options: string[]): string[] {
  const table = outputOf('nm', ['-S', ...options, path], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , , found]) => found === name)
    .map(([address, size, kind]) => `${kind} ${address} ${size}`);
}

scenario('a stripped library keeps names and sizes of what it exports', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so', { ungated: true, args: [LD] });
  const [whole] = symbol(library, 'answer');
  const packed = (file: string): unknown => {
    const patch = s.patch('simple/patch.c', file, [[library, ['answer:new_answer']]]);
    const { targets } = JSON.parse(succeed('ulp-dump', patch, '--json')) as {
      targets: [{ functions: unknown }];
    };
    return targets[0].functions;
  };
  const before = packed('before');
  outputOf('strip', [library]);
  expect(packed('after')).toEqual(before);
  const [, address = '', size = ''] = (whole ?? '').split(' ');
  expect(before).toMatchObject([
    { oldAddress: `0x${parseInt(address, 16).toString(16)}`, oldSize: parseInt(size, 16) },
  ]);
  // A local symbol where the function is, a global one at its trampoline.
  expect(symbol(library, 'answer', '-D')).toEqual([
    `t ${address} ${size}`,
    expect.stringMatching(/^T \w+ 0*48$/),
  ]);
});

scenario('what changes is found in libraries that it has linked, stripped as well', async (s) => {
  const source = (factor: number): string => {
    const file = join(s.room, `${factor}.c`);
    writeFileSync(
      file,
      `static __attribute__((noinline)) int inner(int x) { return x * ${factor}; }
       int outer(int x) { return inner(x) + 1; }
       int (*const table[])(int) = { outer, inner };
       int same(int i) { return table[i](i) + outer(i); }`,
    );
    return relative(TARGETS, file);
  };
  const own = { ungated: true, args: [LD] };
  const old = s.library(source(3), 'old.so', own);
  const stock = s.library(source(3), 'stock.so');
  const fixed = s.library(source(5), 'fixed.so', own);
  const changes = (one: string, other: string): string[] =>
    compareFiles(one, other).comparison.functions.map(({ name, change }) => `${name} ${change}`);
  expect(changes(old, stock)).toEqual([]);
  expect(changes(old, fixed)).toEqual(['inner changed']);
  outputOf('strip', [old, stock, fixed]);
  expect(changes(old, stock)).toEqual([]);
  expect(changes(fixed, stock)).toEqual([]);
  expect(compareFiles(old, fixed).comparison.same).toBe(2);
});

scenario('not asked for, it writes the bytes of the stock ld', async (s) => {
  const link = (folder: string, ...args: string[]): Buffer => {
    mkdirSync(join(s.room, folder));
    const out = s.library('simple/library.c', `${folder}/libsimple.so`, { ungated: true, args });
    return readFileSync(out);
  };
  // The soname is told from the file's name here; the last one counts.
  const same = '-Wl,-soname,libsimple.so';
  const stock = link('stock', same, '-Wl,-z,noexecstack');
  const ours = link('ours', same, '-Wl,-z,noexecstack', LD, '-Wl,-z,noulp');
  expect(ours.equals(stock)).toBe(true);
});

scenario('without trm.o it says what is missing', async (s) => {
  const { status, stderr } = runProgram(
    'gcc',
    ['-shared', '-fPIC', join(TARGETS, 'simple/library.c'), LD, '-Wl,-z,ulp', '-o', 'x.so'],
    { cwd: s.room, encoding: 'utf8' },
  );
  expect(status).not.toBe(0);
  expect(stderr).toContain('live patching needs a definition of `__ulp_entry');
});

test('ldflags --toolchain leads gcc to it', () => {
  const env = { ...process.env, ULP_TOOLCHAIN: PREFIX };
  const { stdout } = runProgram(
    join(ROOT, 'node_modules/.bin/ulp-runtime'),
    ['ldflags', '--toolchain'],
    {
      encoding: 'utf8',
      env,
    },
  );
  expect(stdout).toBe(`${runTool('ulp-runtime', ['ldflags']).stdout.trim()} ${LD}\n`);
});
