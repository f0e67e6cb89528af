/**
 * The system calls in which a thread may sleep when it is to be borrowed: one row each, with all
 * that this package knows about it. docs/blocking-calls.md and the list of calls that the tests
 * disturb are made from this table (scripts/blocking-calls.mjs, test/vigilant.ts).
 *
 * A call that has no row is taken for one that ends.
 */
import { type Asleep } from '@ulp/ptrace-ffi';
import { SYSCALL, type SocketSide, type SyscallName } from '@ulp/ptrace-ffi/borrowing';
import { argument, has } from './argument';
import * as partial from './partial';
import type { PartialRule } from './partial';

/** What a stop does to a call. */
type AtStop =
  /** The kernel repeats it, or goes on with it, even if this program dies right after the stop. */
  | 'repeated'
  /** The same without a signal mask of the call's own; with one, the call `misses` a signal. */
  | 'repeated without a mask'
  /** On a socket without a time-out it is repeated. Otherwise it is taken for one that ends. */
  | 'repeated on a socket'
  /** It ends with EINTR, which this program puts right as long as it lives. */
  | 'ends'
  /** If this program dies then, the call may not see a signal that it waits for. */
  | 'misses'
  /** It does not stop before a child of vfork has gone on. */
  | 'waits for a child'
  /** As long as a thread is in it, no thread of the process can be seized. */
  | 'executes';

/** Where a call's time-out is. A pointer of 0, or a negative number, stands for no end. */
export interface TimeOut {
  /** Number of the argument, from 0. */
  readonly argument: number;
  /**
   * ms: a signed number of 32 bits. timespec: a pointer to one. ring: a pointer to an
   * io_uring_getevents_arg, if the flags say so.
   */
  readonly kind: 'ms' | 'timespec' | 'ring';
}

/** A descriptor of a call that may be a socket, whose own time-out the call keeps. */
interface SocketEnd {
  readonly argument: number;
  readonly side: SocketSide;
}

interface Row {
  readonly stop: AtStop;
  /** Without it, the call is whole or has done nothing. */
  readonly partial?: PartialRule;
  readonly sockets?: readonly SocketEnd[];
  /** Of those calls alone that a stop makes begin their time-out anew. */
  readonly timeOut?: TimeOut;
  /** The argument that is a signal mask for the time of the call. */
  readonly mask?: number;
  /** The row holds only if this argument has one of these bits. */
  readonly ifHas?: { readonly argument: number; readonly bits: bigint };
}

export interface BlockingCall extends Row {
  readonly number: number;
  readonly name: SyscallName;
}

const CLONE_VFORK = 0x4000n;

const end = (argument: number, side: SocketSide): SocketEnd => ({ argument, side });
const receives = { sockets: [end(0, 'receive')] } as const;
const sends = { sockets: [end(0, 'send')] } as const;
const inMs = (argument: number) => ({ timeOut: { argument, kind: 'ms' } }) as const;
const timespec = (argument: number) => ({ timeOut: { argument, kind: 'timespec' } }) as const;

const repeated = { stop: 'repeated' } as const;
const bySocket = { stop: 'repeated on a socket' } as const;
const ends = { stop: 'ends' } as const;
const misses = { stop: 'misses' } as const;
const executes = { stop: 'executes' } as const;
const waitsForChild = { stop: 'waits for a child' } as const;

const ROWS = {
  // Files, pipes and sockets.
  read: { ...repeated, ...receives },
  readv: { ...repeated, ...receives },
  preadv2: { ...bySocket, ...receives },
  pread64: repeated,
  write: { ...repeated, ...sends, partial: partial.moreBytes(2) },
  writev: { ...bySocket, ...sends, partial: partial.moreInVector },
  pwritev: { ...ends, partial: partial.moreInVector },
  pwritev2: { ...bySocket, ...sends, partial: partial.moreInVector },
  sendfile: { ...bySocket, ...sends, partial: partial.moreBytes(3) },
  splice: {
    ...bySocket,
    sockets: [end(0, 'receive'), end(2, 'send')],
    partial: partial.moreBytes(4),
  },
  tee: { ...ends, partial: partial.moreBytes(2) },
  copy_file_range: { ...ends, partial: partial.moreBytes(4) },
  open: repeated, // of a FIFO
  openat: repeated,
  close: { ...ends, partial: partial.always },
  fcntl: repeated, // locks
  flock: repeated,

  // Sockets alone.
  accept: { ...bySocket, ...receives },
  accept4: { ...bySocket, ...receives },
  connect: { ...bySocket, ...sends },
  recvfrom: { ...bySocket, ...receives, partial: partial.waitsForAll(3) },
  recvmsg: { ...bySocket, ...receives, partial: partial.waitsForAll(2) },
  recvmmsg: { ...bySocket, ...receives, partial: partial.waitsForMessages },
  sendto: { ...bySocket, ...sends, partial: partial.moreBytes(2) },
  sendmsg: { ...bySocket, ...sends, partial: partial.moreInMessage },
  sendmmsg: { ...bySocket, ...sends, partial: partial.severalMessages },

  // Events.
  poll: repeated,
  ppoll: { stop: 'repeated without a mask', mask: 3 },
  select: repeated,
  pselect6: { stop: 'repeated without a mask', mask: 5 },
  epoll_wait: { ...ends, ...inMs(3) },
  epoll_pwait: { ...ends, ...inMs(3) },
  epoll_pwait2: { ...ends, ...timespec(3) },
  io_getevents: { ...ends, ...timespec(4), partial: partial.severalEvents },
  io_pgetevents: { ...ends, ...timespec(4), partial: partial.severalEvents },
  io_uring_enter: { ...ends, timeOut: { argument: 4, kind: 'ring' }, partial: partial.ring },

  // Time, locks, queues.
  nanosleep: repeated,
  clock_nanosleep: repeated,
  restart_syscall: repeated, // one of those that go on after a stop
  futex: repeated,
  futex_waitv: repeated,
  semop: ends,
  semtimedop: { ...ends, ...timespec(3) },
  msgsnd: repeated,
  msgrcv: repeated,
  mq_timedsend: repeated,
  mq_timedreceive: repeated,

  // Signals and children.
  pause: misses,
  rt_sigsuspend: misses,
  rt_sigtimedwait: { ...ends, ...timespec(2) },
  wait4: repeated,
  waitid: repeated,
  vfork: waitsForChild,
  clone: { ...waitsForChild, ifHas: { argument: 0, bits: CLONE_VFORK } },
  clone3: waitsForChild, // its flags lie in memory
  execve: executes,
  execveat: executes,
} as const satisfies Partial<Record<SyscallName, Row>>;

/** In the order of the documentation. */
export const BLOCKING_CALLS: readonly BlockingCall[] = Object.entries<Row>(ROWS).map(
  ([name, row]) => ({
    number: SYSCALL[name as SyscallName],
    name: name as SyscallName,
    ...row,
  }),
);

const BY_NUMBER: ReadonlyMap<number, BlockingCall> = new Map(
  BLOCKING_CALLS.map((call) => [call.number, call]),
);

/** The row of the call in which a thread sleeps. */
export function blockingCall({ syscall, args }: Asleep): BlockingCall | undefined {
  const call = BY_NUMBER.get(syscall);
  if (!call?.ifHas) return call;
  return has(argument(args, call.ifHas.argument), call.ifHas.bits) ? call : undefined;
}
