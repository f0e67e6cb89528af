/**
 * Real gdb and strace: whoever is attached first goes on, the other one is refused, and the process
 * lives on.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { seize } from '@ulp/ptrace-ffi/borrowing';
import { tid as asTid } from '@ulp/core';
import { expectNoTrace, expectPatched } from './no-trace';
import { begin, patchOf, runAside, runTool, scenario, trigger, type Target } from './setting';
import { Tracer } from '../../../test-targets/harness/tracer';
import { HANG_MS, stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

const tracedBy = (tracer: Tracer, name: string) => ({
  status: 4 as const,
  fact: new RegExp(
    `^ulp-trigger: process \\d+: another process traces it: found tracer ${tracer.pid} \\(${name}\\) \\(detach it first\\)\n$`,
  ),
});

/** How strace shows that the process has answered. */
const ANSWER = /write\(1, "2\\n", 2\)/;

const threads = (pid: number): string[] => readdirSync(`/proc/${pid}/task`);

const tracerOf = (task: number): number =>
  Number(/^TracerPid:\s*(\d+)/m.exec(readFileSync(`/proc/${task}/status`, 'utf8'))?.[1]);

/**
 * strace prints a call while the thread still stands in it: waits until the thread sleeps, so in
 * its next read.
 */
async function asleep(pid: number): Promise<void> {
  const state = () => stateOf(pid);
  await waitFor('a thread that sleeps', state, (letter) => letter === 'S', { pid });
}

/**
 * Waits until the helper has begun to work on a request; the process has so many threads otherwise.
 */
async function helperWorks(pid: number, others: number): Promise<void> {
  const isMore = (all: string[]) => all.length > others;
  await waitFor(`more than ${others} threads`, () => threads(pid), isMore, { pid });
}

scenario('gdb is attached, the process stands or runs', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const gdb = await Tracer.gdb(target.pid);
  for (const more of [[], ['--dry-run'], ['--timeout', '100']])
    expectNoTrace(target.pid, patch, { ...tracedBy(gdb, 'gdb'), more });
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);
  expect(await gdb.command('print 6 * 7')).toContain('= 42');
  expect(await gdb.command('info threads')).toMatch(/Thread .*libc_read/);
  await gdb.command('continue &');
  expect(await target.ask('answer')).toBe('2');
  expectNoTrace(target.pid, patch, tracedBy(gdb, 'gdb'));
  expect(await target.ask('answer')).toBe('2');
  await gdb.interruptProgram();
  await gdb.quit();
  await expectPatched(target, patch);
});

scenario('strace follows it: it sees nothing of us, and goes on', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const strace = Tracer.strace('-f', '-p', target.pid);
  await strace.expect(/attached/);
  await target.ask('answer');
  await strace.expect(ANSWER);
  await asleep(target.pid);
  for (const more of [[], ['--dry-run']])
    expectNoTrace(target.pid, patch, { ...tracedBy(strace, 'strace'), more });
  await target.ask('answer');
  const seen = await strace.expect(ANSWER);
  expect(seen).not.toMatch(/EINTR|ERESTART|SIG|clone/);
  expect(await strace.interrupt()).toContain('detached');
  await expectPatched(target, patch);
});

scenario('strace follows one thread of several: the process counts as traced', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('crowd 3');
  const [worker] = threads(target.pid).slice(2);
  const strace = Tracer.strace('-p', worker ?? '');
  await strace.expect(/attached/);
  expectNoTrace(target.pid, patch, tracedBy(strace, 'strace'));
  await strace.interrupt();
  await expectPatched(target, patch);
});

scenario('strace comes while the helper works, and sees it end', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('lock');
  const tool = runAside('ulp-trigger', [target.pid, patch, '--timeout', '60000']);
  await helperWorks(target.pid, 2);
  const strace = Tracer.strace('-f', '-p', target.pid);
  await strace.expect(/attached with 3 threads/);
  await target.ask('unlock');
  expect(await tool).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('1001');
  expect(await strace.interrupt()).toMatch(/fix\.so[^]*exit\(0\)/);
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('2');
});

scenario('gdb stops the helper at its work: given up, and called off', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('lock');
  const tool = runAside('ulp-trigger', [target.pid, patch, '--timeout', '3000']);
  await helperWorks(target.pid, 2);
  const gdb = await Tracer.gdb(target.pid);
  const { status, stderr } = await tool;
  expect({ status, stderr }).toEqual({
    status: 5,
    stderr: expect.stringMatching(
      /held up.*nothing was changed; the request is called off/,
    ) as string,
  });
  await gdb.quit();
  expect(await target.ask('unlock')).toBe('1');
  await expectPatched(target, patch);
});

scenario('who comes while we hold a thread is refused by the kernel', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const held = seize(asTid(target.pid));
  held.interrupt();
  expect(held.waitForStop(HANG_MS)).toEqual({ kind: 'interrupted' });
  const strace = Tracer.strace('-f', '-p', target.pid);
  expect(await strace.end()).toMatch(/Operation not permitted/);
  const gdb = await Tracer.gdb(target.pid);
  expect(await gdb.quit()).not.toMatch(/detached/);
  held.detach();
  await expectPatched(target, patch);
});

/** strace comes and goes until it is told not to. */
async function comeAndGo(target: Target, isEnough: () => boolean): Promise<number> {
  let visits = 0;
  while (!isEnough()) {
    const strace = Tracer.strace('-f', '-p', target.pid);
    await strace.expect(/attached|not permitted/);
    await target.ask('answer');
    const rest = await strace.interrupt();
    if (rest.includes('detached')) visits++;
  }
  return visits;
}

scenario('strace comes and goes all the time while a patch does', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  let isEnough = false;
  const visits = comeAndGo(target, () => isEnough);
  const met = new Set<number | null>();
  for (let round = 0; round < 8; round++)
    for (const more of [[], ['--revert']]) {
      const { status, stderr } = await runAside('ulp-trigger', [target.pid, patch, ...more]);
      if (status !== 0) expect(stderr).toMatch(/traces it|nothing was changed/);
      met.add(status);
    }
  isEnough = true;
  expect(await visits).toBeGreaterThan(0);
  for (const status of met) expect([0, 4, 5]).toContain(status);
  expect(tracerOf(target.pid)).toBe(0);
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  await expectPatched(target, patch);
});
