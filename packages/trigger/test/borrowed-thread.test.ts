/**
 * The one thread of a process is borrowed in the middle of a blocking call: the call goes on as if nothing
 * had been, and so do registers and signal masks. Three times in each call.
 */
import { join } from 'node:path';
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
