/** `ulp-packer --compare` as a user runs it. */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { compareSchema } from '../src/schema';
import { Fixtures } from './fixtures';
import { outputOf, runProgram } from '../../../test-targets/harness/programs.cjs';

const SOURCE = `
extern int printf(const char *, ...);
static __attribute__((noinline)) int hidden(int x) { return x / 3; }
int f(int x) { return hidden(x) + 1; }
int g(int x) { return printf("g %d", x) + 2; }
static const int limits[] = { 1, 2, 3 };
int h(int x) { return limits[x]; }
`;
const FIXED = SOURCE.replace('x / 3', 'x / 5').replace('"g', '"G').replace('{ 1, 2', '{ 1, 4');

let files: Fixtures;
let old: string;
beforeAll(() => {
  files = new Fixtures();
  const flags = ['-Wl,-soname,libx.so.1'];
  old = files.compile('old.so', [SOURCE], { gate: true, flags });
  files.compile('fixed.so', [FIXED], { gate: 'linked', flags });
});
afterAll(() => files.remove());

function packer(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const bin = join(__dirname, '../bin/ulp-packer.js');
  return runProgram(process.execPath, [bin, ...args], { encoding: 'utf8', cwd: files.room });
}

test('a table for people', () => {
  const { status, stdout, stderr } = packer('--compare', 'old.so', 'fixed.so');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(
    /^FUNCTION +MACHINE CODE +INSTRUCTIONS\ng +changed +\d+ -> \d+\nhidden +changed +\d+ -> \d+\nDATA +FIRST CONTENT +USED BY\nlimits +changed +h\n\d+ functions are the same\n$/,
  );
});

test('a document for programs', () => {
  const { status, stdout } = packer('--compare', 'old.so', 'fixed.so', '--json');
  expect(status).toBe(0);
  expect(compareSchema.parse(JSON.parse(stdout))).toMatchObject({
    old: { path: 'old.so', names: 'symtab' },
    functions: [
      { name: 'g', change: 'changed' },
      { name: 'hidden', change: 'changed' },
    ],
    data: [{ name: 'limits', usedBy: ['h'] }],
  });
  const same = JSON.parse(packer('--compare', 'old.so', 'old.so', '--json').stdout) as object;
  expect(compareSchema.parse(same)).toMatchObject({ functions: [], data: [] });
});

test('with a description, what it leaves out is said, and it packs', () => {
  files.lines(files.patch, `@${old}`, 'f:new_answer', 'hidden:new_other');
  const { status, stdout, stderr } = packer(
    '--compare',
    'old.so',
    'fixed.so',
    'fix.dsc',
    '-o',
    'c.ulp',
  );
  expect({ status, found: existsSync(join(files.room, 'c.ulp')) }).toEqual({
    status: 0,
    found: true,
  });
  expect(stdout).toMatch(/^FUNCTION/);
  expect(stderr.split('\n')).toEqual([
    "ulp-packer: warning: old.so: 'g': its machine code changes too, and the description does not replace it",
    "ulp-packer: warning: old.so: 'f': the description replaces it, and its machine code is the same in both libraries",
    "ulp-packer: warning: old.so: 'limits': data whose first content changes; used by h",
    '',
  ]);
});

test('a build of the target that is not the target itself is known by its soname', () => {
  files.lines(files.patch, `@${old}`, 'g:new_answer', 'hidden:new_other');
  const flags = ['-Wl,-soname,libx.so.1', '-Wl,--build-id=0x1234'];
  const plain = files.compile('plain.so', [SOURCE], { gate: 'linked', flags });
  const { status, stderr } = packer('fix.dsc', '-o', 'd.ulp', '--compare', plain, 'fixed.so');
  expect(status).toBe(0);
  expect(stderr).not.toMatch(/does not replace/);
  const other = files.compile('other.so', [SOURCE], { flags: ['-Wl,-soname,liby.so.1'] });
  rmSync(join(files.room, 'd.ulp'));
  expect(packer('fix.dsc', '-o', 'd.ulp', '--compare', other, 'fixed.so')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /other\.so: cannot be compared: expected a build of a target/,
    ) as string,
  });
  expect(existsSync(join(files.room, 'd.ulp'))).toBe(false);
});

test('stripped libraries, without and with their debug files', () => {
  for (const name of ['old', 'fixed']) {
    const at = (suffix: string): string => join(files.room, `${name}${suffix}`);
    outputOf('objcopy', ['--only-keep-debug', at('.so'), at('.debug')]);
    copyFileSync(at('.so'), at('.stripped'));
    outputOf('strip', [at('.stripped')]);
  }
  const stripped = packer('--compare', 'old.stripped', 'fixed.stripped', '--json');
  expect(stripped.stderr).toMatch(/warning: old\.stripped: stripped: only exported functions/);
  expect(JSON.parse(stripped.stdout)).toMatchObject({
    // `limits` has no name there: its content belongs to the code that uses it.
    functions: [{ name: 'g' }, { name: 'h' }],
    data: [],
  });
  const debug = ['--debug-files', 'old.debug', 'fixed.debug'];
  const named = packer('--compare', 'old.stripped', 'fixed.stripped', '--json', ...debug);
  expect(named.stderr).toBe('');
  expect(JSON.parse(named.stdout)).toMatchObject({
    old: { names: 'debug file' },
    functions: [{ name: 'g' }, { name: 'hidden' }],
    data: [{ name: 'limits', usedBy: ['h'] }],
  });
  const swapped = ['--debug-files', 'fixed.debug', 'old.debug'];
  expect(packer('--compare', 'old.stripped', 'fixed.stripped', ...swapped)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/fixed\.debug: the debug file of another build/) as string,
  });
});

test.each([
  [['--compare', 'old.so'], /Not enough arguments following: compare/],
  [['--json'], /--json: only with --compare/],
  [['--debug-files', 'a', 'b'], /--debug-files: only with --compare/],
  [[], /DESCRIPTION: missing: expected the description file, or --compare/],
  [['--compare', 'old.so', 'fixed.so', '-o', 'x.ulp'], /DESCRIPTION: missing/],
  [['--compare', 'old.so', 'none.so'], /none\.so: no such file/],
  [['--compare', 'old.so', process.execPath], /expected a shared library/],
])('%j is refused', (args, message) => {
  expect(packer(...args)).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(message) as string,
  });
});
