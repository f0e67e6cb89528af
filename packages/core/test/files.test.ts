import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUlpError, readInputFile, writeFileAtomic } from '../src';
import { outputOf } from '../../../test-targets/harness/programs.cjs';
import { makeFifo } from '../../../test-targets/harness/fifo';

let room: string;
beforeEach(() => (room = mkdtempSync(join(tmpdir(), 'ulp-core-'))));
afterEach(() => rmSync(room, { recursive: true }));

const code = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (isUlpError(error)) return error.code;
    throw error;
  }
  return 'no error';
};

test('what is no ordinary file of bearable size is refused, at once', () => {
  const name = join(room, 'f');
  expect(code(() => readInputFile(name))).toBe('file-missing');
  expect(code(() => readInputFile(join(room, 'no', 'f')))).toBe('file-missing');
  expect(code(() => readInputFile(room))).toBe('file-not-regular');
  expect(code(() => readInputFile('/dev/zero'))).toBe('file-not-regular');
  makeFifo(name);
  expect(code(() => readInputFile(name))).toBe('file-not-regular');
  rmSync(name);
  writeFileSync(name, '');
  expect(code(() => readInputFile(name))).toBe('file-empty');
  truncateSync(name, 2 ** 40);
  expect(code(() => readInputFile(name))).toBe('file-too-large');
  expect(code(() => readInputFile(`${name}\0`))).toBe('file-io');
});

test('a file is replaced whole, keeps its mode, and leaves nothing beside it', () => {
  const name = join(room, 'f');
  writeFileAtomic(name, Buffer.from('old'), 0o600);
  expect(statSync(name).mode & 0o777).toBe(0o600);
  chmodSync(name, 0o751);
  writeFileAtomic(name, Buffer.from('new'));
  expect(readFileSync(name, 'utf8')).toBe('new');
  expect(statSync(name).mode & 0o777).toBe(0o751);
  expect(readdirSync(room)).toEqual(['f']);
});

test('what cannot be written is refused and changes nothing', () => {
  expect(code(() => writeFileAtomic('/dev/full', Buffer.from('x')))).toBe('file-not-regular');
  expect(code(() => writeFileAtomic(join(room, 'no', 'f'), Buffer.from('x')))).toBe('file-missing');
  expect(code(() => writeFileAtomic(room, Buffer.from('x')))).toBe('file-not-regular');
});

test('a disk that fills up leaves the old file and nothing beside it', () => {
  const name = join(room, 'f');
  writeFileSync(name, 'old');
  // A file size limit stops the write half way, as a full disk does.
  const program = `
    process.on('SIGXFSZ', () => {});
    const { writeFileAtomic } = require(${JSON.stringify(join(__dirname, '../dist'))});
    try { writeFileAtomic(${JSON.stringify(name)}, Buffer.alloc(100000)); } catch (e) { console.log(e.code); }`;
  const out = outputOf('prlimit', ['--fsize=4096', process.execPath, '-e', program]);
  expect(out.toString().trim()).toBe('file-io');
  expect(readFileSync(name, 'utf8')).toBe('old');
  expect(readdirSync(room)).toEqual(['f']);
});
