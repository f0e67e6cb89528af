/**
 * libpulp.so at any place in the order in which the loader looks symbols up: it works there, or
 * says why it does not.
 */
import { dirname } from 'node:path';
import { preload } from '../harness/build';
import { runProgram } from '../harness/programs.cjs';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
const BEHIND = 'libc comes before it in the lookup order, so it sees no longjmp';
const BESIDE = { LD_LIBRARY_PATH: dirname(preload()) };
const NEEDED = '-Wl,--no-as-needed';

const library = (s: Scenario): string => s.library('loading/library.c', 'libordered.so');
const patchOf = (s: Scenario, target: string): string =>
  s.patch('loading/patch.c', 'fix', [[target, ['loaded_value:new_loaded_value']]]);
const program = (s: Scenario, libraries: string[] = [], args: string[] = []): string =>
  s.program('runtimes/program.c', libraries, [NEEDED, '-fno-stack-protector', ...args]);

/** It runs as without libpulp.so. */
async function expectUnharmed(target: Target, path: string): Promise<void> {
  expect(await target.ask('jump')).toBe('2');
  expect(await target.ask(`local ${path}`)).toBe('loaded');
  expect(await target.ask('value')).toBe('1');
}

async function expectPatchable(s: Scenario, target: Target, path: string): Promise<void> {
  await expectUnharmed(target, path);
  const patch = patchOf(s, path);
  s.apply(target, patch);
  expect(await target.ask('value')).toBe('2');
  expect(await target.ask('jump')).toBe('2');
  s.revert(target, patch);
  expect(await target.ask('value')).toBe('1');
}

/** It runs unpatched, and every tool says why. */
async function expectBehind(s: Scenario, target: Target, path: string): Promise<void> {
  await expectUnharmed(target, path);
  expect(await target.ask(`jump ${preload()}`)).toBe('jumped');
  const maps = target.maps();
  const { status, stderr } = runTool('ulp-trigger', [target.pid, patchOf(s, path)]);
  expect(status).toBe(3);
  expect(stderr).toContain(`process ${target.pid}: libpulp.so cannot work in this process`);
  expect(stderr).toContain(BEHIND);
  expect(runTool('ulp-inspect', [target.pid]).stdout).toContain(BEHIND);
  const { processes } = JSON.parse(runTool('ulp-inspect', [target.pid, '--json']).stdout) as {
    processes: [{ runtime: { problems: string[] } }];
  };
  expect(processes[0].runtime.problems).toEqual([expect.stringContaining(BEHIND)]);
  expect(target.maps()).toBe(maps);
  expect(await target.ask('jump')).toBe('2');
  expect(await target.ask('value')).toBe('1');
}

scenario('linked to the program, in front of libc', async (s) => {
  const target = await s.start(program(s, [preload()]), { bare: true, env: BESIDE });
  await expectPatchable(s, target, library(s));
});

scenario('linked to the program, behind libc', async (s) => {
  const target = await s.start(program(s, [preload()], ['-lc']), { bare: true, env: BESIDE });
  await expectBehind(s, target, library(s));
});

scenario('linked to the program, behind libc and libgcc, and preloaded as well', async (s) => {
  const run = program(s, [preload()], ['-lgcc_s', '-lc']);
  await expectPatchable(s, await s.start(run, { env: BESIDE }), library(s));
});

const needing = (s: Scenario): string =>
  s.library('runtimes/needs-runtime.c', 'libneeds.so', {
    plain: true,
    args: [NEEDED, '-lc', preload()],
  });

scenario('needed by a library, behind libc', async (s) => {
  const run = program(s, [needing(s)], [`-Wl,-rpath-link,${dirname(preload())}`]);
  const target = await s.start(run, { bare: true, env: BESIDE });
  await expectBehind(s, target, library(s));
});

scenario('needed by a library that comes by dlopen, behind libc', async (s) => {
  const target = await s.start(program(s), { bare: true, env: BESIDE });
  expect(await target.ask(`global ${needing(s)}`)).toBe('loaded');
  await expectBehind(s, target, library(s));
});

scenario('a program that is started by the loader as a program', async (s) => {
  const run = program(s);
  const path = library(s);
  await expectPatchable(s, await s.start(LOADER, { args: [run] }), path);
  const args = ['--preload', preload(), run];
  await expectPatchable(s, await s.start(LOADER, { bare: true, args }), path);
});

test('libc and the loader as programs say what they say without it', () => {
  const say = (file: string, args: string[], env: NodeJS.ProcessEnv): unknown => {
    const { status, signal, stdout, stderr } = runProgram(file, args, { env, encoding: 'utf8' });
    return { status, signal, stdout, stderr };
  };
  for (const [file, args] of [
    [LIBC, []],
    [LOADER, ['--version']],
  ] as const) {
    const alone = say(file, [...args], {});
    expect(alone).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('stable release version') as string,
    });
    expect(say(file, [...args], { LD_PRELOAD: preload() })).toEqual(alone);
  }
});
