/** The harness: a wait ends, and says what it waited for; what is not installed is named. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tracer } from '../harness/tracer';
import { startAsked } from '../harness/asked.cjs';
import { TARGETS } from '../harness/build';
import { makeFifo } from '../harness/fifo';
import { outputBeside, outputOf, PROGRAMS, runProgram } from '../harness/programs.cjs';
import { scenario } from '../harness/scenario';
import { inTime, stateOf, waitFor, waitSync } from '../harness/wait.cjs';

/** Short, so that the test need not wait for the bounds of the suite. */
const ms = 50;
const { pid } = process;

describe('a wait', () => {
  const IN_VAIN = new RegExp(
    `^waited 0\\.05 s for: a stop; seen last: '[SR]'; process ${pid} \\(.+\\): state [SR].*, system call \\S+`,
  );
  const isStopped = (state: string): boolean => state === 'T';

  test('in vain ends, and says for what, what it saw last, and of which process', async () => {
    const look = () => stateOf(pid);
    await expect(waitFor('a stop', look, isStopped, { ms, pid })).rejects.toThrow(IN_VAIN);
    expect(() => waitSync('a stop', look, isStopped, { ms, pid })).toThrow(IN_VAIN);
    const never = new Promise(() => undefined);
    const seen = () => 'nothing';
    await expect(inTime('news', never, { ms, seen })).rejects.toThrow(
      "waited 0.05 s for: news; seen last: 'nothing'",
    );
  });

  test('gives what it was waited for, though it came late', async () => {
    let looks = 0;
    expect(
      await waitFor(
        'the third look',
        () => ++looks,
        (n) => n === 3,
      ),
    ).toBe(3);
    expect(
      waitSync(
        'the sixth look',
        () => ++looks,
        (n) => n === 6,
      ),
    ).toBe(6);
    expect(
      await waitFor(
        'a promise',
        () => Promise.resolve(7),
        (n) => n === 7,
      ),
    ).toBe(7);
  });

  test('of a process that has ended says so', async () => {
    const gone = 0x7ffffff0;
    await expect(waitFor('it', () => 0, Boolean, { ms, pid: gone })).rejects.toThrow(
      `process ${gone} (not known (ENOENT`,
    );
  });
});

describe('a program', () => {
  test('that does not end in time is ended and named, with what it said', async () => {
    const args = ['-c', 'echo so far; exec sleep 1000'];
    const named = /(not ended in 0\.05 s: |waited 0\.05 s for: the end of )sh -c echo so far/;
    expect(() => runProgram('sh', args, { timeout: ms, encoding: 'utf8' })).toThrow(named);
    await expect(outputBeside('sh', args, { timeout: 1000 })).rejects.toThrow(
      /stdout: 'so far\\n'/,
    );
  });

  test('that fails is named, with what it said', async () => {
    const args = ['-c', 'echo out; echo err >&2; exit 3'];
    const failed = 'sh -c echo out; echo err >&2; exit 3: ended with 3: err\nout\n';
    expect(() => outputOf('sh', args, { encoding: 'utf8', stdio: 'pipe' })).toThrow(failed);
    await expect(outputBeside('sh', args)).rejects.toThrow(failed);
  });
});

describe('where nothing is installed', () => {
  const { PATH } = process.env;
  beforeEach(() => (process.env.PATH = ''));
  afterEach(() => (process.env.PATH = PATH ?? ''));

  const all = Object.entries(PROGRAMS).flatMap(([name, programs]) =>
    programs.map((program) => [program, name] as const),
  );
  test.each(all)('%s is named, with its package %s', async (program, name) => {
    const missing = `needs ${program} (Debian package ${name}): not found`;
    expect(() => runProgram(program, [])).toThrow(missing);
    expect(() => outputOf(program)).toThrow(missing);
    await expect(outputBeside(program, [])).rejects.toThrow(missing);
    await expect((async () => startAsked(program))()).rejects.toThrow(missing);
  });

  test('the debuggers are named that are talked to', async () => {
    await expect(Tracer.gdb(pid)).rejects.toThrow('needs gdb (Debian package gdb): not found');
    expect(() => Tracer.strace('-p', pid)).toThrow('needs strace (Debian package strace)');
  });

  test('a path that is not there, and a name that nobody knows', () => {
    expect(() => runProgram('/no/such', [])).toThrow('needs /no/such: not found');
    expect(() => runProgram('no-such', [])).toThrow(/^needs no-such: not found$/);
  });
});

test('what is installed for the tests has every program that they start', () => {
  const lists = ['scripts/debian-packages.txt', 'test-targets/debian-packages.txt'];
  const listed = lists.flatMap((list) =>
    readFileSync(join(TARGETS, '..', list), 'utf8').match(/^[a-z0-9+.-]+/gm),
  );
  const query = ['-W', '-f', '${Priority} ${Package}\\n'];
  const installed = outputOf('dpkg-query', query, { encoding: 'utf8' });
  const always = [...installed.matchAll(/^required (\S+)$/gm)].map(([, name]) => name);
  const known = new Set([...listed, ...always]);
  expect(Object.keys(PROGRAMS).filter((name) => !known.has(name))).toEqual([]);
});

describe('a process that is asked by lines', () => {
  test('and does not answer is named, with what it was told and what it said last', async () => {
    const script = 'echo ready; read a; echo "$a $a"; read b; exec sleep 1000';
    const asked = await startAsked('sh', { args: ['-c', script], ready: 'ready' });
    expect(await asked.ask('once')).toBe('once once');
    await expect(asked.ask('twice', { ms })).rejects.toThrow(
      /^waited 0\.05 s for: a line of sh -c .*, which was told 'twice'; seen last: 'once once'; process \d+ \(/,
    );
    expect(await asked.killed()).toBe('SIGKILL');
  });

  test('and has ended, or says something else first, is named', async () => {
    const other = { args: ['-c', 'echo steady'], ready: 'ready' };
    await expect(startAsked('sh', other)).rejects.toThrow("said 'steady' instead of 'ready'");
    const asked = await startAsked('sh', { args: ['-c', 'echo ready; exit 7'] });
    await expect(asked.line()).rejects.toThrow(/\(process \d+\) has ended: 7$/);
    expect(await asked.end()).toBe(7);
  });

  test('gives what it still says until it ends', async () => {
    const asked = await startAsked('sh', { args: ['-c', 'echo ready; read a; echo 1; echo 2'] });
    asked.tell('');
    expect(await asked.rest()).toEqual(['1', '2']);
  });
});

scenario('a FIFO to which nobody writes is read, when the bound is over, as empty', async (s) => {
  expect(readFileSync(makeFifo(join(s.room, 'fifo'), ms), 'utf8')).toBe('');
});
