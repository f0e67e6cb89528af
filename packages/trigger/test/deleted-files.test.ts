/**
 * Files that are gone from the disk while a process has them mapped: the library, libpulp.so, the
 * patch, the program.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { preload } from '../../../test-targets/harness/build';
import {
  asRoot,
  buildLibrary,
  patchOf,
  runTool,
  scenario,
  source,
  succeed,
  trigger,
} from './setting';
import type { Scenario, Target } from './setting';

async function prepare(s: Scenario) {
  const library = buildLibrary(s);
  const runtime = join(s.room, 'libpulp.so');
  copyFileSync(preload(), runtime);
  const program = s.program(source('program.c'), [library]);
  const target = await s.start(program, { bare: true, env: { LD_PRELOAD: runtime } });
  return { target, library, runtime, program, patch: patchOf(s, library, 'fix', 1000) };
}

function remove(...files: string[]): void {
  for (const file of files) rmSync(file);
  for (const file of files) expect(existsSync(file)).toBe(false);
}

/** What all commands say of it. */
function expectSeen({ pid }: Target, patch: string, isApplied: boolean): void {
  const status = isApplied ? 0 : 1;
  expect(runTool('ulp-check', [pid, patch, '--threads'])).toMatchObject({ status, stderr: '' });
  expect(runTool('ulp-dispatcher', ['check', patch, pid])).toMatchObject({ status, stderr: '' });
  const seen = succeed('ulp-inspect', pid);
  expect(seen).toMatch(/libtrigger-test\.so \(deleted\)(?! \(deleted\))/);
  if (isApplied) expect(seen).toMatch(/fix\.so/);
}

scenario('the library, libpulp.so and the program are deleted: all works', async (s) => {
  const { target, library, runtime, program, patch } = await prepare(s);
  remove(library, runtime, program);
  expect(target.maps()).toMatch(/libpulp\.so \(deleted\)/);
  expectSeen(target, patch, false);
  for (const [tool, apply, revert] of [
    ['ulp-trigger', [target.pid, patch], [target.pid, patch, '--revert']],
    ['ulp-dispatcher', ['patch', patch, target.pid], ['revert', patch, target.pid]],
  ] as const) {
    succeed(tool, ...apply);
    expect(await target.ask('answer')).toBe('1001');
    expectSeen(target, patch, true);
    succeed(tool, ...revert);
    expect(await target.ask('answer')).toBe('2');
    expectSeen(target, patch, false);
  }
  expect(target.maps()).not.toMatch(/fix\.so/);
});

// The kernel leads to such a file by its mapping (map_files), and root alone.
asRoot(scenario)('functions of a deleted program are named', async (s) => {
  const { target, library, program, patch } = await prepare(s);
  await target.ask('hold');
  remove(library, program);
  expect(target.maps()).toContain(`${program} (deleted)`);
  s.apply(target, patch);
  const { stdout } = runTool('ulp-check', [target.pid, patch, '--threads']);
  expect(stdout).toMatch(/universe 1, since program-program-c:hold_library\+0x/);
  // What lies on its stack as well.
  expect(stdout).toMatch(/libtrigger-test\.so:hold\+0x/);
  expect(await target.ask('release')).toBe('2');
  s.revert(target, patch);
});

scenario(
  'the patch .so is deleted after it was applied: it is reverted, and no more applied',
  async (s) => {
    const { target, library, runtime, program, patch } = await prepare(s);
    const so = join(s.room, 'fix.so');
    s.apply(target, patch);
    remove(so, library, runtime, program);
    expect(await target.ask('answer')).toBe('1001');
    expectSeen(target, patch, true);
    // Nothing is left to do, so nothing is asked of the file.
    expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
    s.revert(target, patch);
    expect(await target.ask('answer')).toBe('2');
    expectSeen(target, patch, false);
    expect(target.maps()).not.toMatch(/fix\.so/);
    const { status, stderr } = trigger(target, patch);
    expect(status).toBe(2);
    expect(stderr).toMatch(/fix\.so: no such file/);
    expect(await target.ask('answer')).toBe('2');
  },
);
