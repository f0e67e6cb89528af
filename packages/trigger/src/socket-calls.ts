/**
 * System calls that wait as long as a socket lets them (SO_RCVTIMEO and SO_SNDTIMEO of socket(7)),
 * and on which descriptor.
 */
import { readSocketLink } from '@ulp/ptrace-ffi';
import type { Asleep, Process, SocketQuestion, SocketSide, Thread } from '@ulp/ptrace-ffi';

type End = readonly [argument: number, side: SocketSide];

const RECEIVES: readonly End[] = [[0, 'receive']];
const SENDS: readonly End[] = [[0, 'send']];
const SPLICES: readonly End[] = [
  [0, 'receive'],
  [2, 'send'],
];

const ENDS: ReadonlyMap<number, readonly End[]> = new Map([
  ...[0, 19, 327].map((read) => [read, RECEIVES] as const), // read, readv, preadv2
  ...[45, 47, 299].map((receive) => [receive, RECEIVES] as const), // recvfrom, recvmsg, recvmmsg
  ...[43, 288].map((accept) => [accept, RECEIVES] as const), // accept, accept4
  ...[1, 20, 328].map((write) => [write, SENDS] as const), // write, writev, pwritev2
  ...[44, 46, 307].map((send) => [send, SENDS] as const), // sendto, sendmsg, sendmmsg
  ...[42, 40].map((other) => [other, SENDS] as const), // connect, sendfile
  [275, SPLICES],
]);

/**
 * The first socket that a thread waits for, as a question about its time-out; undefined: none, or
 * it cannot be seen.
 */
export function socketOf(
  { pid }: Process,
  { tid }: Thread,
  { syscall, args }: Asleep,
): SocketQuestion | undefined {
  for (const [argument, side] of ENDS.get(syscall) ?? []) {
    const fd = Number(BigInt.asIntN(32, args[argument] ?? -1n));
    const link = readSocketLink(pid, tid, fd);
    if (link !== undefined) return { pid, tid, fd, link, side };
  }
  return undefined;
}
