/**
 * Processes that gave up privileges: not dumpable, without executable gains, no new privileges, no
 * clock, setuid programs.
 */
import { chmodSync, chownSync } from 'node:fs';
import { preload } from '../../../test-targets/harness/build';
import { expectNoTrace, expectPatched } from './no-trace';
import { asRoot, buildLibrary, patchOf, runTool, scenario, source, succeed } from './setting';
import type { Scenario } from './setting';

const NOBODY = 65534;

function prepare(s: Scenario) {
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  const program = s.program(source('privileges.c'), [library]);
  return { library, program, patch: patchOf(s, library, 'fix', 1000) };
}

asRoot(scenario)('a daemon that has left root is not dumpable: root patches it', async (s) => {
  const { library, program, patch } = prepare(s);
  const target = await s.start(program, { args: ['user'] });
  await expectPatched(target, patch);
  // Two versions of a function are told apart by code of its own, in a page near the library.
  const high = patchOf(s, library, 'high', 5000);
  s.apply(target, patch);
  s.apply(target, high);
  expect(await target.ask('answer')).toBe('5001');
  s.revert(target, high);
  s.revert(target, patch);
  expect(await target.ask('answer')).toBe('2');
  expect(target.maps()).not.toMatch(/rwx/);
});

asRoot(scenario)('not dumpable by its own wish, as root and as another user', async (s) => {
  const { program, patch } = prepare(s);
  await expectPatched(await s.start(program, { args: ['undumpable'] }), patch);
  await expectPatched(await s.start(program, { args: ['user', 'undumpable'] }), patch);
});

asRoot(scenario)('not dumpable: its own user may not, and is told why', async (s) => {
  const { program, patch } = prepare(s);
  for (const args of [['user'], ['user', 'undumpable']]) {
    const target = await s.start(program, { args });
    expectNoTrace(target.pid, patch, { status: 4, fact: /not dumpable.*run as root/, uid: NOBODY });
    expect(await target.ask('answer')).toBe('2');
  }
});

scenario('PR_SET_MDWE, no_new_privs and PR_SET_TSC', async (s) => {
  const { library, program, patch } = prepare(s);
  for (const args of [['mdwe'], ['nnp'], ['nnp', 'mdwe'], ['clock']]) {
    const target = await s.start(program, { args });
    await expectPatched(target, patch);
    const high = patchOf(s, library, 'high', 5000);
    s.apply(target, patch);
    s.apply(target, high);
    expect(await target.ask('answer')).toBe('5001');
    expect(await target.ask('clock')).toBe(args[0] === 'clock' ? '1' : '0');
  }
});

asRoot(scenario)('neither its memory as a file, nor writable code: refused', async (s) => {
  const { program, patch } = prepare(s);
  const target = await s.start(program, { args: ['user', 'mdwe'] });
  const before = target.maps().match(/.* r-xp .*/g);
  const { status, stderr } = runTool('ulp-trigger', [target.pid, patch]);
  expect(status).toBe(3);
  expect(stderr).toMatch(
    /cannot be patched \(it may not write to its own code.*nothing was changed/,
  );
  expect(target.maps().match(/.* r-xp .*/g)).toEqual(before);
  expect(target.maps()).not.toMatch(/rwx|fix\.so/);
  expect(await target.ask('answer')).toBe('2');
});

asRoot(scenario)(
  'a setuid program: the loader preloads nothing, a linked libpulp.so works',
  async (s) => {
    const { library, program, patch } = prepare(s);
    const setuid = (file: string): void => {
      chownSync(file, NOBODY, NOBODY);
      chmodSync(file, 0o4755);
    };
    setuid(program);
    const bare = await s.start(program);
    const { status, stderr } = runTool('ulp-trigger', [bare.pid, patch]);
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: expect.stringMatching(/libpulp\.so is not loaded/) as string,
    });
    expect(await bare.ask('answer')).toBe('2');
    const linked = s.program(
      source('privileges.c'),
      [library],
      ['-Wl,--no-as-needed', preload(), `-Wl,-rpath,${preload().replace(/\/[^/]*$/, '')}`],
    );
    setuid(linked);
    const target = await s.start(linked, { bare: true });
    expect(succeed('ulp-inspect', target.pid)).toContain('libtrigger-test.so');
    await expectPatched(target, patch);
  },
);
