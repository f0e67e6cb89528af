/**
 * The time-out of a call that the kernel repeats with its whole time-out when its thread has been
 * borrowed: the kernel does not count down what the caller has passed. Calls that keep their end
 * (poll, select, futex, nanosleep) have no time-out in the table.
 */
import { field, remoteAddress, struct, u32, u64, type RemoteAddress } from '@ulp/core';
import type { Asleep, Memory } from '@ulp/ptrace-ffi';
import { argument, has } from './argument';
import { blockingCall, type TimeOut } from './table';

/** One that is given by an argument, which can be changed. */
export interface GivenTimeOut extends TimeOut {
  readonly kind: 'ms' | 'timespec';
}

const isGiven = (timeOut: TimeOut): timeOut is GivenTimeOut => timeOut.kind !== 'ring';

/** The time-out of the call in which a thread sleeps, if it would begin anew. */
export function timeOutOf(asleep: Asleep): GivenTimeOut | undefined {
  const timeOut = blockingCall(asleep)?.timeOut;
  if (!timeOut || !isGiven(timeOut)) return undefined;
  const value = argument(asleep.args, timeOut.argument);
  const isForEver = timeOut.kind === 'ms' ? BigInt.asIntN(32, value) < 0n : value === 0n;
  return isForEver ? undefined : timeOut;
}

const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

const timespec = struct('timespec', { seconds: field(u64, ''), nanoseconds: field(u64, '') });

/** In ns. @returns undefined when it cannot be read, or is none */
export function wholeOf(
  memory: Memory,
  { args }: Asleep,
  timeOut: GivenTimeOut,
): bigint | undefined {
  const value = argument(args, timeOut.argument);
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

const RING_FLAGS = 3;
const IORING_ENTER_EXT_ARG = 8n;

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
export function ringTimeOut(memory: Memory, asleep: Asleep): bigint | undefined {
  const timeOut = blockingCall(asleep)?.timeOut;
  if (timeOut?.kind !== 'ring') return undefined;
  if (!has(argument(asleep.args, RING_FLAGS), IORING_ENTER_EXT_ARG)) return undefined;
  const at = remoteAddress(argument(asleep.args, timeOut.argument));
  const more = memory.tryReadStruct(io_uring_getevents_arg, at);
  if (more?.ts === 0n) return undefined;
  return (more && readTimespec(memory, remoteAddress(more.ts))) ?? 0n;
}
