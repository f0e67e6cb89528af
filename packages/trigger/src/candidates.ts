/** Which thread to borrow. */
import type { Process, Thread } from '@ulp/ptrace-ffi';

/**
 * System calls out of which a thread is borrowed without any trace, even if this program dies right
 * after the stop: the kernel repeats them. Others (epoll_wait, recv with a time-out) would fail with EINTR.
 */
const HARMLESS: ReadonlySet<number | undefined> = new Set([
  ...[0, 1, 7], // read, write, poll
  ...[35, 230, 202], // nanosleep, clock_nanosleep, futex
  ...[61, 247], // wait4, waitid
]);

/** Threads to try, the most harmless first. */
export function candidates(process: Process): Thread[] {
  const rank = ({ tid, state }: Thread): number => {
    if (state === 'S') return HARMLESS.has(process.asleep(tid)?.syscall) ? 0 : 1;
    return state === 'R' ? 2 : 3;
  };
  return process
    .threads()
    .filter(({ state }) => !'ZXxT'.includes(state))
    .map((thread) => ({ thread, rank: rank(thread) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thread }) => thread);
}
