/**
 * The one thread of a process is borrowed in the middle of a blocking call: the call goes on as if nothing
 * had been, and so do registers and signal masks. Twice in each call: for applying and for reverting.
 */
import { buildLibrary, patchOf, scenario, source, type Scenario, type Target } from './setting';

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

async function borrowIn(
  s: Scenario,
  program: string,
  patch: string,
  call: string,
): Promise<string> {
  const target: Target = await s.start(program, { args: [call] });
  s.apply(target, patch);
  s.revert(target, patch);
  s.apply(target, patch);
  return target.line();
}

scenario('calls that block go on undisturbed', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('blocked.c'), [library]);
  for (const [call, result] of CALLS) {
    const line = await borrowIn(s, program, patch, call);
    expect(`${call}: ${line}`).toBe(`${call}: ${result}, mask kept, answer 1001`);
  }
});
