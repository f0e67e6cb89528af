/**
 * When a blocking system call may be partially complete. A call whose thread is borrowed ends with
 * the part that it has done, as it would for a signal. The kernel does not tell how much has been
 * done. What is known is how much was asked for: so much can a call lose.
 */
import { field, remoteAddress, struct, u64 } from '@ulp/core';
import type { Memory } from '@ulp/ptrace-ffi';
import { argument, has, int, type Arguments } from './argument';

export interface PartialRule {
  /** For the documentation, after "partially complete: ". */
  readonly when: string;
  readonly mayBe: (args: Arguments, memory: Memory) => boolean;
}

/** More bytes than these may have been moved in part (PIPE_BUF). */
const WHOLE = 4096n;
/** Most elements of an iovec or of the messages of sendmmsg that the kernel takes (UIO_MAXIOV). */
const MOST = 1024n;
const MSG_WAITALL = 0x100n;
const MSG_WAITFORONE = 0x1_0000n;
const IORING_ENTER_GETEVENTS = 1n;
const IORING_ENTER_SQ_WAIT = 4n;

const iovec = struct('iovec', { base: field(u64, ''), length: field(u64, '') });
const msghdr = struct('msghdr', {
  name: field(u64, ''),
  namelen: field(u64, ''),
  iov: field(u64, ''),
  iovlen: field(u64, ''),
});

/** What cannot be read is taken for much: the thread is skipped. */
function isMuch(memory: Memory, address: bigint, elements: bigint): boolean {
  if (elements > MOST) return true;
  const bytes = memory.tryRead(remoteAddress(address), Number(elements) * iovec.size);
  if (!bytes) return true;
  let sum = 0n;
  for (let at = iovec.offset.length; at < bytes.length; at += iovec.size)
    sum += bytes.readBigUInt64LE(at);
  return sum > WHOLE;
}

const MUCH = `more than ${WHOLE} bytes`;

/** @param size the argument that says how many bytes are to be moved */
export const moreBytes = (size: number): PartialRule => ({
  when: MUCH,
  mayBe: (args) => argument(args, size) > WHOLE,
});

/** By the iovec in the second argument, of as many elements as the third says. */
export const moreInVector: PartialRule = {
  when: MUCH,
  mayBe: (args, memory) => isMuch(memory, argument(args, 1), argument(args, 2)),
};

/** By the message in the second argument. */
export const moreInMessage: PartialRule = {
  when: MUCH,
  mayBe(args, memory) {
    const header = memory.tryReadStruct(msghdr, remoteAddress(argument(args, 1)));
    return !header || isMuch(memory, header.iov, header.iovlen);
  },
};

/** sendmmsg. */
export const severalMessages: PartialRule = {
  when: `several messages, or ${MUCH}`,
  mayBe: (args, memory) => int(args, 2) > 1n || moreInMessage.mayBe(args, memory),
};

/** @param flags the argument that has them */
export const waitsForAll = (flags: number): PartialRule => ({
  when: 'with MSG_WAITALL',
  mayBe: (args) => has(argument(args, flags), MSG_WAITALL),
});

/** recvmmsg. */
export const waitsForMessages: PartialRule = {
  when: 'with MSG_WAITALL, or several messages without MSG_WAITFORONE',
  mayBe: (args) =>
    has(int(args, 3), MSG_WAITALL) || (int(args, 2) > 1n && !has(int(args, 3), MSG_WAITFORONE)),
};

/** By how many events the call waits for. */
export const severalEvents: PartialRule = {
  when: 'waits for several events',
  mayBe: (args) => argument(args, 1) > 1n,
};

/** io_uring_enter: what it has submitted, or the first of several events that it waits for. */
export const ring: PartialRule = {
  when: 'it submits and waits, waits for several events, or waits for space (IORING_ENTER_SQ_WAIT)',
  mayBe(args) {
    const [submitted, waitedFor, flags] = [int(args, 1), int(args, 2), int(args, 3)];
    if (has(flags, IORING_ENTER_SQ_WAIT)) return true;
    return has(flags, IORING_ENTER_GETEVENTS) && (submitted > 0n || waitedFor > 1n);
  },
};

/** close, of a socket with SO_LINGER. */
export const always: PartialRule = {
  when: 'always: the descriptor may be a socket with SO_LINGER',
  mayBe: () => true,
};
