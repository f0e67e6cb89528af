/** The command as a user runs it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeMetadata } from '../src';
import { dumpSchema } from '../src/schema';
import { EXAMPLE } from './sample';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), 'ulp-dump-'));
});
afterAll(() => rmSync(room, { recursive: true }));

function dump(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const bin = join(__dirname, '../bin/ulp-dump.js');
  return runProgram(process.execPath, [bin, ...args], { encoding: 'utf8', cwd: room });
}

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(room, name), bytes);
  return name;
}

test('text names everything that is in the file', () => {
  const { status, stdout, stderr } = dump(write('x.ulp', encodeMetadata(EXAMPLE)));
  expect([status, stderr]).toEqual([0, '']);
  for (const part of [
    /^patch [0-9a-f]{64}$/m,
    /\/p\/fix\.so/,
    /15056 bytes/,
    /a1b2c3d4/,
    /target \/l\/libx\.so\.1/,
    /e5f6a7b8/,
    /greet .*0x11e0, 19 bytes.*greet_fixed.*0x1100/,
    /2{64}/,
  ])
    expect(stdout).toMatch(part);
});

test('control characters do not reach the terminal', () => {
  const patch = { ...EXAMPLE.patch, path: '/\u001b[31m\n' };
  const { stdout } = dump(write('evil.ulp', encodeMetadata({ ...EXAMPLE, patch })));
  expect(stdout).toContain('/\\x1b[31m\\x0a\n');
  expect(stdout).not.toContain('\u001b');
});

test('--json prints a document of schema ulp-dump/1', () => {
  const { status, stdout } = dump('--json', write('x.ulp', encodeMetadata(EXAMPLE)));
  expect(status).toBe(0);
  const document = dumpSchema.parse(JSON.parse(stdout));
  expect(document.targets[0]?.functions[0]).toMatchObject({ oldAddress: '0x11e0', entryOffset: 4 });
});

test.each<[string, () => string, RegExp]>([
  ['a missing file', () => 'missing.ulp', /^ulp-dump: missing\.ulp: no such file\n$/],
  ['an empty file', () => write('empty', Buffer.alloc(0)), /: the file is empty\n$/],
  ['a directory', () => '.', /: not a regular file\n$/],
  ['a text', () => write('text', Buffer.from('hello, world')), /: malformed: expected live patch/],
  ['a part', () => write('part', encodeMetadata(EXAMPLE).subarray(0, 99)), /ends too early/],
])('%s is exit code 2 with a reason', (_, file, reason) => {
  const { status, stdout, stderr } = dump(file());
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(reason);
});
