/**
 * Threads that are not like others: their system calls are dispatched, their memory is locked,
 * their root or user is their own.
 */
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectNoTrace } from './no-trace';
import { asRoot, buildLibrary, patchOf, runTool, scenario, source, trigger } from './setting';
import type { Scenario, Target } from './setting';

function prepare(s: Scenario) {
  const library = buildLibrary(s);
  mkdirSync(join(s.room, 'folder'));
  const program = s.program(source('lonely.c'), [library]);
  const start = (mode: string): Promise<Target> =>
    // The kernel writes to the area of rseq(2) by itself, which protection keys would forbid.
    s.start(program, {
      args: [mode, join(s.room, 'folder')],
      env: { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' },
    });
  return { start, patch: patchOf(s, library, 'folder/fix', 1000) };
}

async function expectChange(target: Target, patch: string): Promise<void> {
  expect(await target.ask('')).toBe('2');
  expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('')).toBe('1001');
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('')).toBe('2');
}

scenario('system calls are dispatched to a handler: refused, and the handler stays', async (s) => {
  const { start, patch } = prepare(s);
  await expectChange(await start('plain'), patch);
  const target = await start('dispatch');
  expect(await target.ask('')).toBe('2');
  const handlers = (): string | undefined =>
    /^SigCgt:.*$/m.exec(readFileSync(`/proc/${target.pid}/status`, 'utf8'))?.[0];
  const before = handlers();
  for (let round = 0; round < 3; round++) {
    expectNoTrace(target.pid, patch, { status: 3, fact: /PR_SET_SYSCALL_USER_DISPATCH/ });
    expect(await target.ask('')).toBe('2');
  }
  expect(handlers()).toBe(before);
});

scenario('the same without a handler: one signal would be its end', async (s) => {
  const { start, patch } = prepare(s);
  const target = await start('silent');
  expect(await target.ask('')).toBe('2');
  const before = target.maps();
  const { status, stderr } = trigger(target, patch);
  expect(status).toBe(3);
  expect(stderr).toMatch(/PR_SET_SYSCALL_USER_DISPATCH.*nothing was changed/);
  expect(target.maps()).toBe(before);
  expect(await target.ask('')).toBe('2');
});

scenario('protection keys lock the thread out of ordinary memory: left alone', async (s) => {
  if (!/\bospke\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))) {
    console.warn('skipped: this processor, or this kernel, has no protection keys');
    return;
  }
  const { start, patch } = prepare(s);
  const target = await start('pkey');
  expect(await target.ask('')).toBe('2');
  const before = target.maps();
  const { status, stderr } = trigger(target, patch, '--timeout', '300');
  expect(status).toBe(5);
  expect(stderr).toMatch(/no thread of it could be borrowed in time \(nothing was changed\)/);
  expect(target.maps()).toBe(before);
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);
  expect(await target.ask('')).toBe('2');
});

for (const [mode, what] of [
  ['root', 'another root directory'],
  ['mount', 'other mounts'],
  ['user', 'another user'],
  ['files', 'open files of its own'],
] as const)
  asRoot(scenario)(`a thread that sleeps has ${what}`, async (s) => {
    const { start, patch } = prepare(s);
    chmodSync(s.room, 0o700);
    await expectChange(await start(mode), patch);
  });
