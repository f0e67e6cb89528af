/**
 * Calls that may have done a part of their work while their thread sleeps in them. One whose thread
 * is borrowed ends with that part, as it would for a signal. The kernel does not tell how much it
 * has done; what is known is how much was asked for.
 */
import { field, remoteAddress, struct, u64 } from '@ulp/core';
import type { Asleep, Memory } from '@ulp/ptrace-ffi';

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

type Arguments = readonly bigint[];
type MayBe = (args: Arguments, memory: Memory) => boolean;

const argument = (args: Arguments, index: number): bigint => args[index] ?? 0n;
const int = (args: Arguments, index: number): bigint => BigInt.asUintN(32, argument(args, index));
const has = (flags: bigint, flag: bigint): boolean => (flags & flag) !== 0n;

/** By the argument that says how much is to be moved. */
const amount =
  (index: number): MayBe =>
  (args) =>
    argument(args, index) > WHOLE;

/** By the iovec, in the second argument, of as many elements as the third says. */
const vector: MayBe = (args, memory) => isMuch(memory, argument(args, 1), argument(args, 2));

const message: MayBe = (args, memory) => {
  const header = memory.tryReadStruct(msghdr, remoteAddress(argument(args, 1)));
  return !header || isMuch(memory, header.iov, header.iovlen);
};

/** By how many events are waited for. */
const several: MayBe = (args) => argument(args, 1) > 1n;

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

/** io_uring_enter: what it has submitted, or the first of several that it waits for. */
const ring: MayBe = (args) => {
  const [submitted, waitedFor, flags] = [int(args, 1), int(args, 2), int(args, 3)];
  if (has(flags, IORING_ENTER_SQ_WAIT)) return true;
  return has(flags, IORING_ENTER_GETEVENTS) && (submitted > 0n || waitedFor > 1n);
};

const CALLS: ReadonlyMap<number, MayBe> = new Map([
  [1, amount(2)], // write
  [44, amount(2)], // sendto
  [40, amount(3)], // sendfile
  [275, amount(4)], // splice
  [276, amount(2)], // tee
  [326, amount(4)], // copy_file_range
  [20, vector], // writev
  [296, vector], // pwritev
  [328, vector], // pwritev2
  [46, message], // sendmsg
  [307, (args, memory) => int(args, 2) > 1n || message(args, memory)], // sendmmsg
  [45, (args) => has(argument(args, 3), MSG_WAITALL)], // recvfrom
  [47, (args) => has(argument(args, 2), MSG_WAITALL)], // recvmsg
  [
    299, // recvmmsg
    (args) =>
      has(int(args, 3), MSG_WAITALL) || (int(args, 2) > 1n && !has(int(args, 3), MSG_WAITFORONE)),
  ],
  [3, () => true], // close: of a socket with SO_LINGER
  [208, several], // io_getevents
  [333, several], // io_pgetevents
  [426, ring],
]);

export const mayBeHalfway = ({ syscall, args }: Asleep, memory: Memory): boolean =>
  CALLS.get(syscall)?.(args, memory) ?? false;
