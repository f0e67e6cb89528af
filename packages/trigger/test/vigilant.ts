/**
 * What programs/vigilant.c, which looks all the time whether it has been disturbed, says of itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SyscallName } from '@ulp/ptrace-ffi/borrowing';
import { BLOCKING_CALLS } from '../src/calls/table';
import type { Target } from './setting';
import { waitFor } from '../../../test-targets/harness/wait.cjs';

/** What the program can do meanwhile, as its own table says. */
const ALL = [
  ...readFileSync(join(__dirname, 'programs/vigilant.c'), 'utf8').matchAll(/^ {4}\{"(\w+)", do_/gm),
].flatMap(([, name]) => name ?? []);
/** Where that has another name than the system call. */
const NAMED: Partial<Record<SyscallName, readonly string[]>> = {
  recvfrom: ['recv', 'recv_timeout'],
  rt_sigtimedwait: ['sigwaitinfo'],
  rt_sigsuspend: ['sigsuspend'],
};
const rows = BLOCKING_CALLS.flatMap((row) =>
  (NAMED[row.name] ?? [row.name])
    .filter((name) => ALL.includes(name))
    .map((name) => ({ name, stop: row.stop })),
);

/** What the program can do meanwhile: blocking system calls, and one thing besides. */
export const CALLS = [...rows.map(({ name }) => name), 'spin'];
if (CALLS.length !== ALL.length)
  throw new Error(`vigilant.c: calls without a row in src/calls/table.ts: ${ALL.join(', ')}`);
/**
 * The kernel itself ends them with EINTR; a tool that dies before it can put that right leaves it
 * so. A socket with a time-out is no longer one on which the call is repeated.
 */
export const LEFT_EARLY = rows
  .filter(({ name, stop }) => stop === 'ends' || name === 'recv_timeout')
  .map(({ name }) => name);

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
