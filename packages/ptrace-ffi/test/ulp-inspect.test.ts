/** The command as it is installed: one bundled file. */
import { join } from 'node:path';
import { inspectSchema } from '@ulp/ptrace-ffi/schema';
import { cleanUp, compile, start } from './target';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

const bin = join(__dirname, '../bin/ulp-inspect.js');
const run = (...args: string[]) =>
  runProgram(process.execPath, [bin, ...args], { encoding: 'utf8' });
const env = { ...process.env, LD_PRELOAD: join(__dirname, '../../../runtime/dist/libpulp.so') };

afterAll(cleanUp);

test('a process with the runtime, as text and as JSON, alone and among all', async () => {
  const target = await start(compile('echo'), ['threads'], { env });
  const one = run(`${target.pid}`);
  expect([one.status, one.stderr]).toEqual([0, '']);
  expect(one.stdout).toContain(`process ${target.pid} (echo): universe 1\n`);
  expect(one.stdout).toMatch(/^\d+ +two \(2\) +- +outside$/m);
  const all = run('--json');
  expect(all.status).toBe(0);
  const document = inspectSchema.strict().parse(JSON.parse(all.stdout));
  expect(document.processes.find((p) => p.pid === target.pid)?.threads).toHaveLength(4);
  const alone = inspectSchema.parse(JSON.parse(run('--json', `${target.pid}`).stdout));
  expect(document.processes).toContainEqual(alone.processes[0]);
  expect(await target.ask('alive?')).toMatch(/^1 /);
  await target.killed();
});

test('a process without the runtime', async () => {
  const target = await start(compile('echo'));
  const { status, stdout, stderr } = run(`${target.pid}`);
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toBe(`ulp-inspect: process ${target.pid}: libpulp.so is not loaded\n`);
  await target.killed();
});

test.each([
  [['2147483632'], 4, 'ulp-inspect: process 2147483632: no such process\n'],
  [
    ['x'],
    2,
    "ulp-inspect: PID: wrong usage: expected a whole number, found 'x'\nTry 'ulp-inspect --help'.\n",
  ],
  [['0'], 4, 'ulp-inspect: process 0: no such process\n'],
])('%j', (args, code, text) => {
  const { status, stdout, stderr } = run(...args);
  expect([status, stdout, stderr]).toEqual([code, '', text]);
});

test('help gives an example', () => {
  const { status, stdout } = run('--help');
  expect(status).toBe(0);
  expect(stdout).toContain('ulp-inspect 4711');
});
