/** Borrowing a thread, and giving it back so that it does not notice. */
import { readFileSync } from 'node:fs';
import { tid } from '@ulp/core';
import { findSyscall, libc, openProcess, remoteSyscall, Tracee } from '@ulp/ptrace-ffi';
import { cleanUp, codeOf, compile, start } from './target';

const GETPID = 39n;
const GETTID = 186n;
const PAUSE = 34n;

beforeAll(() => void libc());
afterAll(cleanUp);

test('no blocking call fails, no register changes, while every thread is borrowed again and again', async () => {
  const target = await start(compile('blocked'));
  const process = openProcess(target.pid);
  const instruction = findSyscall(process);
  for (let round = 0; round < 10; round++)
    for (const thread of process.threads()) {
      const tracee = Tracee.seize(thread.tid);
      tracee.interrupt();
      expect(tracee.waitForStop(1000)).toEqual({ kind: 'interrupted' });
      expect(remoteSyscall(tracee, instruction, GETTID, [])).toBe(BigInt(thread.tid));
      expect(remoteSyscall(tracee, instruction, -1n, [])).toBe(-38n);
      tracee.detach();
    }
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
  const tracee = Tracee.seize(tid(target.pid));
  tracee.interrupt();
  tracee.waitForStop(1000);
  const before = [tracee.getRegs(), tracee.getSigmask()];
  remoteSyscall(tracee, findSyscall(openProcess(target.pid)), GETPID, []);
  expect([tracee.getRegs(), tracee.getSigmask()]).toEqual(before);
  tracee.setSigmask(0x200n);
  expect(tracee.getSigmask()).toBe(0x200n);
  tracee.setSigmask(before[1] as bigint);
  tracee.detach();
  tracee.detach();
  expect(await target.line('alive?')).toMatch(/^1 /);
  await target.kill();
});

test('a call that blocks is broken off, and the thread goes on', async () => {
  const target = await start(compile('echo'));
  const tracee = Tracee.seize(tid(target.pid));
  tracee.interrupt();
  tracee.waitForStop(1000);
  const instruction = findSyscall(openProcess(target.pid));
  expect(codeOf(() => remoteSyscall(tracee, instruction, PAUSE, [], 50))).toBe('timed-out');
  tracee.detach();
  expect(await target.line('alive?')).toMatch(/^1 /);
  await target.kill();
});

test('a stopped process: group stop, borrowed all the same, still stopped afterwards, then continued', async () => {
  const target = await start(compile('echo'));
  target.child.kill('SIGSTOP');
  const state = () =>
    /^State:\s+(\S)/m.exec(readFileSync(`/proc/${target.pid}/status`, 'utf8'))?.[1];
  while (state() !== 'T') await new Promise((r) => setTimeout(r, 5));
  const tracee = Tracee.seize(tid(target.pid));
  tracee.interrupt();
  expect(tracee.waitForStop(1000)).toEqual({ kind: 'group', signal: 19 });
  const instruction = findSyscall(openProcess(target.pid));
  expect(remoteSyscall(tracee, instruction, GETPID, [])).toBe(BigInt(target.pid));
  tracee.detach();
  while (state() !== 'T') await new Promise((r) => setTimeout(r, 5));
  target.child.kill('SIGCONT');
  expect(await target.line('alive?')).toMatch(/^1 /);
  await target.kill();
});

test('a signal that arrives is seen, and delivered when passed on', async () => {
  const target = await start(compile('echo'));
  const tracee = Tracee.seize(tid(target.pid));
  process.kill(target.pid, 'SIGUSR1');
  expect(tracee.waitForStop(1000)).toEqual({ kind: 'signal', signal: 10 });
  tracee.cont(10);
  expect(tracee.waitForStop(1000)).toEqual({ kind: 'killed', signal: 10 });
  tracee.detach();
  expect(codeOf(() => Tracee.seize(tid(target.pid)).detach())).toBe('process-missing');
});

test('a thread that is killed while it is borrowed', async () => {
  const target = await start(compile('echo'));
  const tracee = Tracee.seize(tid(target.pid));
  tracee.interrupt();
  tracee.waitForStop(1000);
  process.kill(target.pid, 'SIGKILL');
  expect(tracee.waitForStop(1000)).toEqual({ kind: 'killed', signal: 9 });
  expect(codeOf(() => tracee.getRegs())).toBe('process-missing');
  tracee.detach();
});

test('a parent in vfork does not stop; it does as soon as it can', async () => {
  const target = await start(compile('vfork-parent'));
  const status = () => readFileSync(`/proc/${target.pid}/status`, 'utf8');
  while (!/^State:\s+D/m.test(status())) await new Promise((r) => setTimeout(r, 5));
  const tracee = Tracee.seize(tid(target.pid));
  tracee.interrupt();
  expect(tracee.waitForStop(100)).toBeUndefined();
  expect(tracee.waitForStop(10_000)).toEqual({ kind: 'interrupted' });
  tracee.detach();
  expect(await target.line()).toBe('resumed');
  await target.kill();
});
