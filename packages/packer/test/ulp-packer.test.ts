/** The command as a user runs it. */
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readMetadata } from '@ulp/metadata';
import { pack } from '../src';
import { defaultOutput } from '../src/output';
import { Fixtures } from './fixtures';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

let files: Fixtures;
beforeAll(() => {
  files = new Fixtures();
});
afterAll(() => files.remove());

function packer(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const bin = join(__dirname, '../bin/ulp-packer.js');
  return runProgram(process.execPath, [bin, ...args], { encoding: 'utf8', cwd: files.room });
}

test.each([
  ['fix.dsc', 'fix.ulp'],
  ['/a.b/fix', '/a.b/fix.ulp'],
  ['a/x.1.txt', 'a/x.1.ulp'],
  ['.hidden', '.hidden.ulp'],
])('the metadata of %s goes to %s', (description, output) => {
  expect(defaultOutput(description)).toBe(output);
});

test('writes beside the description, in silence', () => {
  const description = files.describe('answer:new_answer');
  expect(packer('fix.dsc')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(Buffer.compare(readFileSync(join(files.room, 'fix.ulp')), pack(description).bytes)).toBe(
    0,
  );
});

test('-o and --depends', () => {
  files.describe('answer:new_answer');
  packer('fix.dsc', '-o', 'first.ulp');
  const patch = files.compile('patch2.so', ['int n(int x) { return x; }']);
  files.lines(patch, `@${files.target}`, 'answer:n');
  const run = packer('fix.dsc', '--depends', 'first.ulp', '-o', 'second.ulp');
  expect(run).toMatchObject({ status: 0, stderr: '' });
  const [first, second] = ['first.ulp', 'second.ulp'].map((f) => readMetadata(join(files.room, f)));
  expect(second?.dependencies).toEqual([first?.id]);
});

test('a warning does not stop it', () => {
  files.describe('cloned:new_answer');
  const { status, stderr } = packer('fix.dsc', '-o', 'w.ulp');
  expect(status).toBe(0);
  expect(stderr).toMatch(/^ulp-packer: warning: fix\.dsc:3:1: callers of 'cloned\.constprop\.0'/);
});

test('an error leaves no output behind', () => {
  files.describe('answer:new_answer', 'nope:new_answer');
  const { status, stdout, stderr } = packer('fix.dsc', '-o', 'none.ulp');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(
    /^ulp-packer: fix\.dsc:4:1: cannot be packed: expected .*, found no 'nope'\n$/,
  );
  expect(existsSync(join(files.room, 'none.ulp'))).toBe(false);
});

test('an input is never replaced, by whatever name', () => {
  files.describe('answer:new_answer');
  symlinkSync(files.patch, join(files.room, 'link.so'));
  for (const output of ['fix.dsc', 'patch.so', 'link.so', files.target]) {
    const { status, stderr } = packer('fix.dsc', '-o', output);
    expect(status).toBe(2);
    expect(stderr).toMatch(/the output would replace an input/);
  }
  expect(packer('missing.dsc')).toMatchObject({
    status: 2,
    stderr: 'ulp-packer: missing.dsc: no such file\n',
  });
});
