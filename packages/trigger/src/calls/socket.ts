/**
 * The socket that a thread waits for: its call waits as long as the socket lets it (SO_RCVTIMEO and
 * SO_SNDTIMEO of socket(7)).
 */
import { readSocketLink } from '@ulp/ptrace-ffi/borrowing';
import type { Asleep, Process, Thread } from '@ulp/ptrace-ffi';
import type { SocketQuestion } from '@ulp/ptrace-ffi/borrowing';
import { blockingCall } from './table';

/**
 * The first socket that a thread waits for, as a question about its time-out; undefined: none, or
 * it cannot be seen.
 */
export function socketOf(
  { pid }: Process,
  { tid }: Thread,
  asleep: Asleep,
): SocketQuestion | undefined {
  for (const { argument, side } of blockingCall(asleep)?.sockets ?? []) {
    const fd = Number(BigInt.asIntN(32, asleep.args[argument] ?? -1n));
    const link = readSocketLink(pid, tid, fd);
    if (link !== undefined) return { pid, tid, fd, link, side };
  }
  return undefined;
}
