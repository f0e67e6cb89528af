/**
 * The one thread of a process is borrowed in the middle of a blocking call: the call goes on as if nothing
 * had been, and so do registers and signal masks. Three times in each call.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildLibrary, patchOf, scenario, source } from './setting';

/** What the call returns where nothing interferes. */
const CALLS: readonly (readonly [string, string])[] = [
  ['read', '1 ok'],
  ['read_restarted', '1 ok'],
  ['epoll_wait', '0 ok'],
  ['epoll_pwait', '0 ok'],
  ['poll', '0 ok'],
  ['ppoll', '0 ok'],
  ['select', '0 ok'],
  ['nanosleep', '0 ok'],
  ['clock_nanosleep', '0 ok'],
  ['futex', '-1 ETIMEDOUT'],
  ['sigtimedwait', '-1 EAGAIN'],
  ['sigsuspend', '-1 EINTR'],
  ['pause', '-1 EINTR'],
  ['accept', '-1 EAGAIN'],
  ['recv', '-1 EAGAIN'],
  ['semtimedop', '-1 EAGAIN'],
  ['wait4', '1 ok'],
  ['compute', '0 ok'],
];

scenario('calls that block go on undisturbed', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('blocked.c'), [library]);
  const targets = await Promise.all(CALLS.map(([call]) => s.start(program, { args: [call] })));
  const tool = await s.start(process.execPath, {
    bare: true,
    args: [join(__dirname, 'change-many.mjs'), patch, ...targets.map(({ pid }) => String(pid))],
  });
  for (const target of [...targets, tool]) target.tell('go');
  const lines = await Promise.all(targets.map((target) => target.line()));
  expect(CALLS.map(([call], i) => `${call}: ${lines[i]}`)).toEqual(
    CALLS.map(([call, result]) => `${call}: ${result}, mask kept, answer 1001`),
  );
});

/** A traced thread stops for a signal that is ignored as well; its call must not end for that. */
scenario('signals that are ignored break no call off', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const target = await s.start(s.program(source('vigilant.c'), [library]), {
    args: ['epoll_wait'],
  });
  const flood = spawn('bash', ['-c', `while kill -WINCH ${target.pid}; do :; done`], {
    stdio: 'ignore',
  });
  const ended = once(flood, 'close');
  try {
    const flap = join(__dirname, '../../../test-targets/harness/flap.mjs');
    await promisify(execFile)(process.execPath, [flap, String(target.pid), patch, '100']);
  } finally {
    flood.kill('SIGKILL');
    await ended;
  }
  const [calls, wrong, early] = (await target.ask('')).split(' ').map(Number);
  expect(calls).toBeGreaterThan(0);
  expect([wrong, early]).toEqual([0, 0]);
});
