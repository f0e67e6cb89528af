/**
 * System calls that the kernel, when a thread is borrowed out of them, repeats with their whole time-out: it does not count
 * down what its caller has passed. Those of poll, select, futex and nanosleep keep their end by themselves.
 */
import type { Asleep } from '@ulp/ptrace-ffi';

export interface TimeOut {
  /** Which argument it is, from 0. */
  readonly argument: number;
  /** ms: a signed number of 32 bits, negative for ever. timespec: a pointer, 0 for ever. */
  readonly kind: 'ms' | 'timespec';
}

const TIME_OUTS: ReadonlyMap<number, TimeOut> = new Map([
  [128, { argument: 2, kind: 'timespec' }], // rt_sigtimedwait
  [208, { argument: 4, kind: 'timespec' }], // io_getevents
  [220, { argument: 3, kind: 'timespec' }], // semtimedop
  [232, { argument: 3, kind: 'ms' }], // epoll_wait
  [281, { argument: 3, kind: 'ms' }], // epoll_pwait
  [333, { argument: 4, kind: 'timespec' }], // io_pgetevents
  [441, { argument: 3, kind: 'timespec' }], // epoll_pwait2
]);

const NR_IO_URING_ENTER = 426;
const IORING_ENTER_EXT_ARG = 8n;

/** The time-out of the call in which a thread sleeps, if it would begin anew. */
export function timeOutOf({ syscall, args }: Asleep): TimeOut | undefined {
  const timeOut = TIME_OUTS.get(syscall);
  if (!timeOut) return undefined;
  const value = args[timeOut.argument] ?? 0n;
  const isForEver = timeOut.kind === 'ms' ? BigInt.asIntN(32, value) < 0n : value === 0n;
  return isForEver ? undefined : timeOut;
}

/** May the call have a time-out that begins anew? Of io_uring_enter it is deeper than can be seen here. */
export function mayBeginAnew(asleep: Asleep): boolean {
  if (asleep.syscall === NR_IO_URING_ENTER)
    return ((asleep.args[3] ?? 0n) & IORING_ENTER_EXT_ARG) !== 0n;
  return timeOutOf(asleep) !== undefined;
}
