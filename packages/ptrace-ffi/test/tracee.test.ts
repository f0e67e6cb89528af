/** Borrowing a thread, and giving it back so that it does not notice. */
import { existsSync } from 'node:fs';
import { tid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { findSyscall, libc, remoteSyscall, seize, type Tracee } from '@ulp/ptrace-ffi/borrowing';
import { cleanUp, codeOf, compile, start, type Target } from './target';
import { HANG_MS, stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

const GETPID = 39n;
const GETTID = 186n;
const PAUSE = 34n;

beforeAll(() => void libc());
afterAll(cleanUp);

/** How long the calls block, in ms; on a slow machine the first time is over too soon. */
const BLOCKED_MS = [1500, 6000, 24_000];

/** Borrows every thread ten times. @returns false when the call of one of them was over before */
function borrowAll(target: Target): boolean {
  const process = openProcess(target.pid);
  const instruction = findSyscall(process);
  const all = process.threads();
  for (let round = 0; round < 10; round++)
    for (const thread of all) {
      const name = `/proc/${target.pid}/task/${thread.tid}`;
      if (!existsSync(name)) return false;
      let tracee: Tracee;
      try {
        tracee = seize(thread.tid);
      } catch (error) {
        if (existsSync(name)) throw error;
        return false;
      }
      tracee.interrupt();
      const stop = tracee.waitForStop(HANG_MS);
      if (stop?.kind === 'exited') return false;
      expect(stop).toEqual({ kind: 'interrupted' });
      expect(remoteSyscall(tracee, instruction, GETTID, [])).toBe(BigInt(thread.tid));
      expect(remoteSyscall(tracee, instruction, -1n, [])).toBe(-38n);
      tracee.detach();
    }
  return true;
}

async function borrowed(program: string): Promise<Target> {
  for (const ms of BLOCKED_MS) {
    const target = await start(program, [String(ms)]);
    if (borrowAll(target)) return target;
    await target.killed();
  }
  throw new Error('calls were over before every thread was borrowed ten times');
}

test('no blocking call fails, no register changes, while every thread is borrowed again and again', async () => {
  const target = await borrowed(compile('blocked'));
  const results: string[] = [];
  for (let line = await target.line(); line !== 'done'; line = await target.line())
    results.push(line);
  expect(results.sort()).toEqual([
    'accept 0 0',
    'clock_nanosleep 0 0',
    'compute 0 0',
    'epoll_wait 0 0',
    'futex 0 0',
    'nanosleep 0 0',
    'poll 0 0',
    'ppoll 0 0',
    'read 1 0',
    'recv 0 0',
    'select 0 0',
    'semtimedop 0 0',
    'sigtimedwait 0 0',
  ]);
});

test('registers and mask are as before, bit for bit', async () => {
  const target = await start(compile('echo'));
  const tracee = seize(tid(target.pid));
  tracee.interrupt();
  tracee.waitForStop(HANG_MS);
  const before = [tracee.getRegs(), tracee.getSigmask()];
  remoteSyscall(tracee, findSyscall(openProcess(target.pid)), GETPID, []);
  expect([tracee.getRegs(), tracee.getSigmask()]).toEqual(before);
  tracee.setSigmask(0x200n);
  expect(tracee.getSigmask()).toBe(0x200n);
  tracee.setSigmask(before[1] as bigint);
  tracee.detach();
  tracee.detach();
  expect(await target.ask('alive?')).toMatch(/^1 /);
  await target.killed();
});

test('a call that blocks is broken off, and the thread goes on', async () => {
  const target = await start(compile('echo'));
  const tracee = seize(tid(target.pid));
  tracee.interrupt();
  tracee.waitForStop(HANG_MS);
  const instruction = findSyscall(openProcess(target.pid));
  expect(codeOf(() => remoteSyscall(tracee, instruction, PAUSE, [], 50))).toBe('timed-out');
  tracee.detach();
  expect(await target.ask('alive?')).toMatch(/^1 /);
  await target.killed();
});

test('a stopped process: group stop, borrowed all the same, still stopped afterwards, then continued', async () => {
  const target = await start(compile('echo'));
  target.child.kill('SIGSTOP');
  const stopped = () =>
    waitFor(
      'a stop',
      () => stateOf(target.pid),
      (letter) => letter === 'T',
      target,
    );
  await stopped();
  const tracee = seize(tid(target.pid));
  tracee.interrupt();
  expect(tracee.waitForStop(HANG_MS)).toEqual({ kind: 'group', signal: 19 });
  const instruction = findSyscall(openProcess(target.pid));
  expect(remoteSyscall(tracee, instruction, GETPID, [])).toBe(BigInt(target.pid));
  tracee.detach();
  await stopped();
  target.child.kill('SIGCONT');
  expect(await target.ask('alive?')).toMatch(/^1 /);
  await target.killed();
});

test('a signal that arrives is seen, and delivered when passed on', async () => {
  const target = await start(compile('echo'));
  const tracee = seize(tid(target.pid));
  process.kill(target.pid, 'SIGUSR1');
  expect(tracee.waitForStop(HANG_MS)).toEqual({ kind: 'signal', signal: 10 });
  tracee.cont(10);
  expect(tracee.waitForStop(HANG_MS)).toEqual({ kind: 'killed', signal: 10 });
  tracee.detach();
  expect(codeOf(() => seize(tid(target.pid)).detach())).toBe('process-missing');
});

test('a thread that is killed while it is borrowed', async () => {
  const target = await start(compile('echo'));
  const tracee = seize(tid(target.pid));
  tracee.interrupt();
  tracee.waitForStop(HANG_MS);
  process.kill(target.pid, 'SIGKILL');
  expect(tracee.waitForStop(HANG_MS)).toEqual({ kind: 'killed', signal: 9 });
  expect(codeOf(() => tracee.getRegs())).toBe('process-missing');
  tracee.detach();
});

test('a parent in vfork does not stop; it does as soon as it can', async () => {
  const target = await start(compile('vfork-parent'));
  await waitFor(
    'state D',
    () => stateOf(target.pid),
    (letter) => letter === 'D',
    target,
  );
  const tracee = seize(tid(target.pid));
  tracee.interrupt();
  expect(tracee.waitForStop(100)).toBeUndefined();
  target.tell('');
  expect(tracee.waitForStop(HANG_MS)).toEqual({ kind: 'interrupted' });
  tracee.detach();
  expect(await target.line()).toBe('resumed');
  await target.killed();
});
