import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineCommand, manPage } from '../src';
import { outputOf, runProgram } from '../../../test-targets/harness/programs.cjs';

const cli = JSON.stringify(join(__dirname, '../dist'));
const core = JSON.stringify(join(__dirname, '../../core/dist'));
const PROGRAM = `
const { main, print } = require(${cli});
const { UlpError } = require(${core});
void main({
  name: 'ulp-sample', summary: 'a sample', description: ['About it.'],
  positionals: {
    action: { kind: 'string', choices: ['show', 'fail', 'crash', 'flood'], meaning: 'what' },
    pid: { kind: 'number', optional: true, meaning: 'a process' } },
  options: {
    json: { kind: 'boolean', meaning: 'as JSON' },
    wait: { kind: 'number', value: 'MS', meaning: 'wait' },
    output: { kind: 'string', alias: 'o', value: 'FILE', meaning: 'where' },
    depends: { kind: 'strings', value: 'FILE', meaning: 'first' } },
  examples: [{ command: 'ulp-sample show 1', meaning: 'show 1' }],
  run(args) {
    if (args.action === 'fail') throw new UlpError('library-absent', { subject: 'libx' });
    if (args.action === 'crash') throw new TypeError('oops\\u001b');
    if (args.action === 'flood') print('x'.repeat(1 << 20));
    else print(JSON.stringify(args));
    return 0;
  },
}, '1.2.3');`;

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'ulp-cli-'));
  writeFileSync(join(room, 'sample.js'), PROGRAM);
});
afterAll(() => rmSync(room, { recursive: true }));

function sample(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return runProgram(process.execPath, [join(room, 'sample.js'), ...args], { encoding: 'utf8' });
}

test('arguments arrive by name and kind', () => {
  const { status, stdout } = sample(
    'show',
    '17',
    '--json',
    '--wait',
    '5',
    '-o',
    'a b',
    '--depends',
    'x',
    'y',
  );
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    action: 'show',
    pid: 17,
    json: true,
    wait: 5,
    output: 'a b',
    depends: ['x', 'y'],
  });
});

test.each([
  [[], /ACTION: missing: expected what/],
  [['destroy'], /ACTION: wrong usage: expected show or fail or crash or flood, found 'destroy'/],
  [['show', 'x'], /PID: wrong usage: expected a whole number, found 'x'/],
  [['show', '-1'], /PID: wrong usage: expected a whole number, found '-1'/],
  [['show', '1', '2'], /2: one argument too many/],
  [['show', '--colour'], /Unknown argument: colour/],
  [['show', '--wait', '1e9'], /--wait: wrong usage: expected a whole number/],
  [['show', '99999999999'], /PID: wrong usage/],
  [['show', '--output'], /Not enough arguments following: (o|output)/],
  [['show', '--output='], /--output: needs a value/],
] as const)('wrong usage %j is exit code 2 with a reason', (args, reason) => {
  const { status, stdout, stderr } = sample(...args);
  expect(stderr).toMatch(reason);
  expect(stderr).toMatch(/^ulp-sample: /);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});

test('an error is one line with the command in front, a defect says so', () => {
  expect(sample('fail')).toMatchObject({
    status: 3,
    stdout: '',
    stderr: 'ulp-sample: libx: the target library is not loaded\n',
  });
  const { status, stderr } = sample('crash');
  expect(status).toBe(70);
  expect(stderr).toMatch(/^ulp-sample: a defect of this program; .*oops\\x1b/);
});

test('help has an example, version is the package version, completion is a script', () => {
  expect(sample('--help').stdout).toMatch(/ulp-sample show 1\s+show 1/);
  expect(sample('--version').stdout).toBe('1.2.3\n');
  expect(sample('completion').stdout).toContain('complete -o bashdefault');
  expect(sample('--get-yargs-completions', 'ulp-sample', '--').stdout).toContain('--depends\n');
});

test('a reader that goes away ends it quietly', () => {
  const out = outputOf('bash', [
    '-c',
    `set -o pipefail; ${process.execPath} ${join(room, 'sample.js')} flood | head -c 1`,
  ]);
  expect(out.toString()).toBe('x');
});

test('a full disk is an error, and a slow reader is waited for', () => {
  const script = join(room, 'sample.js');
  const full = runProgram('bash', ['-c', `${process.execPath} ${script} flood > /dev/full`]);
  expect([full.status, full.stderr.toString()]).toEqual([
    2,
    'ulp-sample: standard output: cannot be read or written: found ENOSPC\n',
  ]);
  // dd leaves the pipe non-blocking; it takes 64 KB, and a MB is written.
  const slow = `set -o pipefail; (dd oflag=nonblock count=0 2> /dev/null; ${process.execPath} ${script} flood) | wc -c`;
  expect(outputOf('bash', ['-c', slow], { encoding: 'utf8' })).toBe(`${(1 << 20) + 1}\n`);
});

test('the man page escapes what troff would read', () => {
  const page = manPage(
    defineCommand({
      name: 'ulp-x',
      summary: 'do -x',
      description: ['.hidden \\ line'],
      positionals: {},
      options: {},
      examples: [],
      run: () => 0,
    }),
    '1',
  );
  expect(page).toContain('ulp\\-x \\- do \\-x');
  expect(page).toContain('\\&.hidden \\e line');
  expect(page).toContain('.B 70');
});
