/**
 * System calls that the kernel, when a thread is borrowed out of them, repeats with their whole
 * time-out: it does not count down what its caller has passed. Those of poll, select, futex and
 * nanosleep keep their end by themselves.
 */
import { field, remoteAddress, struct, u32, u64, type RemoteAddress } from '@ulp/core';
import type { Asleep, Memory } from '@ulp/ptrace-ffi';

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

/** The time-out of the call in which a thread sleeps, if it would begin anew. */
export function timeOutOf({ syscall, args }: Asleep): TimeOut | undefined {
  const timeOut = TIME_OUTS.get(syscall);
  if (!timeOut) return undefined;
  const value = args[timeOut.argument] ?? 0n;
  const isForEver = timeOut.kind === 'ms' ? BigInt.asIntN(32, value) < 0n : value === 0n;
  return isForEver ? undefined : timeOut;
}

const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

const timespec = struct('timespec', { seconds: field(u64, ''), nanoseconds: field(u64, '') });

/** In ns. @returns undefined when it cannot be read, or is none */
export function wholeOf(memory: Memory, { args }: Asleep, timeOut: TimeOut): bigint | undefined {
  const value = args[timeOut.argument] ?? 0n;
  return timeOut.kind === 'ms'
    ? BigInt.asIntN(32, value) * NS_PER_MS
    : readTimespec(memory, remoteAddress(value));
}

function readTimespec(memory: Memory, address: RemoteAddress): bigint | undefined {
  const read = memory.tryReadStruct(timespec, address);
  return read && read.seconds < 1n << 32n && read.nanoseconds < NS_PER_S
    ? read.seconds * NS_PER_S + read.nanoseconds
    : undefined;
}

const NR_IO_URING_ENTER = 426;
const IORING_ENTER_EXT_ARG = 8n;
const EXT_ARGUMENT = 4;

const io_uring_getevents_arg = struct('io_uring_getevents_arg', {
  sigmask: field(u64, ''),
  sigmask_sz: field(u32, ''),
  min_wait_usec: field(u32, ''),
  ts: field(u64, ''),
});

/**
 * Of io_uring_enter, in ns; undefined: it has none. What cannot be read is taken for one of no
 * length.
 */
export function ringTimeOut(memory: Memory, { syscall, args }: Asleep): bigint | undefined {
  if (syscall !== NR_IO_URING_ENTER || ((args[3] ?? 0n) & IORING_ENTER_EXT_ARG) === 0n)
    return undefined;
  const at = remoteAddress(args[EXT_ARGUMENT] ?? 0n);
  const more = memory.tryReadStruct(io_uring_getevents_arg, at);
  if (more?.ts === 0n) return undefined;
  return (more && readTimespec(memory, remoteAddress(more.ts))) ?? 0n;
}
