/**
 * What programs/vigilant.c, which looks all the time whether it has been disturbed, says of itself.
 */
import type { Target } from './setting';
import { waitFor } from '../../../test-targets/harness/wait.cjs';

/** What it can do meanwhile. */
export const CALLS = [
  ...['read', 'recv', 'recv_timeout', 'poll', 'ppoll', 'epoll_wait', 'select', 'nanosleep'],
  ...['clock_nanosleep', 'futex', 'semop', 'msgrcv', 'sigwaitinfo', 'pause', 'sigsuspend', 'spin'],
];
/**
 * The kernel itself ends them with EINTR; a tool that dies before it can put that right leaves it
 * so.
 */
export const LEFT_EARLY = ['recv_timeout', 'epoll_wait', 'semop', 'sigwaitinfo'];

async function look(target: Target) {
  const words = (await target.ask('')).split(' ').map(Number);
  const [calls = 0, wrong = 0, early = 0, answer = 0] = words;
  return { calls, wrong, early, answer };
}

/** Two calls later: nobody is stopped, blocked, or in a call that nothing ends. */
export async function goesOn(target: Target) {
  const { calls } = await look(target);
  const isLater = (now: { calls: number }) => now.calls > calls + 1;
  return waitFor(`more than ${calls + 1} calls`, () => look(target), isLater, target);
}
