/** Which thread to borrow, and why none. */
import { setTimeout as delay } from 'node:timers/promises';
import { UlpError } from '@ulp/core';
import { now, type Asleep, type Process, type Thread } from '@ulp/ptrace-ffi';
import { mayBeHalfway } from './halfway';
import type { Moments } from './moments';
import { socketOf } from './socket-calls';
import { hasStack, STACK_BYTES } from './stack-room';
import { ringTimeOut, timeOutOf } from './time-outs';

/** The lower, the less a thread can lose. */
const RANK = {
  /** Sleeps in a call that the kernel repeats, even if this program dies right after the stop. */
  repeated: 0,
  /** Waits for a socket: the same, if that has no time-out; which takes a while to find out. */
  socket: 1,
  running: 2,
  /** Sleeps in a call that would fail with EINTR then (epoll_wait) or miss a signal (pause). */
  fragile: 3,
  /** Sleeps in one whose time-out may begin anew. */
  beginsAnew: 4,
  /** Perhaps it cannot be stopped. */
  other: 5,
} as const;

/** The kernel repeats them; those of descriptors, where it is no socket. */
const REPEATED: ReadonlySet<number> = new Set([
  ...[0, 1, 17, 19], // read, write, pread64, readv
  ...[7, 23], // poll, select
  // nanosleep, clock_nanosleep, futex, futex_waitv; and those that go on after a stop
  ...[35, 230, 202, 449, 219],
  ...[61, 247], // wait4, waitid
  ...[2, 257, 72, 73], // open and openat (of a FIFO), fcntl and flock (locks)
  ...[69, 70, 242, 243], // msgsnd, msgrcv, mq_timedsend, mq_timedreceive
]);
/** Which argument is a signal mask for the time of the call: ppoll, pselect6. */
const MASK_ARGUMENT: ReadonlyMap<number, number> = new Map([
  [271, 3],
  [270, 5],
]);

/**
 * execve, execveat: as long as a thread waits in one, nobody else in the process can be seized, and
 * who tries waits with it.
 */
const EXECUTING: ReadonlySet<number | undefined> = new Set([59, 322]);
/**
 * vfork; clone3, whose flags lie in memory; clone with CLONE_VFORK. A thread in one waits for a
 * child, and does not stop before.
 */
const FORKING: ReadonlySet<number> = new Set([58, 435]);
const NR_CLONE = 56;
const CLONE_VFORK = 0x4000n;

/**
 * Threads to try, the most harmless first; none while one of them executes a program. Those in a
 * call that may have done a part are skipped: it would end with that part; those that wait for a
 * child of vfork; and those that have too little stack left.
 */
export function candidates(process: Process): Thread[] {
  const threads = look(process);
  if (threads.some(({ asleep }) => EXECUTING.has(asleep?.syscall))) return [];
  const { memory } = process;
  const isShort = shortOfStack(process);
  return threads
    .filter(({ thread, asleep }) => {
      if ('ZXxT'.includes(thread.state)) return false;
      if (!asleep) return true;
      return !(waitsInVfork(asleep) || mayBeHalfway(asleep, memory) || isShort(asleep));
    })
    .map((looked) => ({ thread: looked.thread, rank: rank(process, looked) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thread }) => thread);
}

/** Between two rounds over all threads, in ms. */
const ROUND_MS = 5;

interface Attempts {
  /** Does an attempt stop it? */
  readonly stops: (thread: Thread) => boolean;
  /** @returns true when that is all */
  readonly attempt: (thread: Thread) => boolean;
  /** When no attempt has been the last. */
  readonly afterRound: (threads: readonly Thread[]) => void;
}

/**
 * Tries one thread after the other, each at a moment at which a stop costs it nothing, until time
 * is over.
 * @returns false when it is over
 * @throws what the attempts throw
 */
export async function tryThreads(
  process: Process,
  moments: Moments,
  deadline: number,
  { stops, attempt, afterRound }: Attempts,
): Promise<boolean> {
  for (;;) {
    const threads = candidates(process);
    for (const thread of threads) {
      const moment = stops(thread) ? moments.of(thread) : 'good';
      if (moment === 'good' && attempt(thread)) return true;
      if (moment === 'unknown') await moments.learn(threads, deadline);
      // After that, all of them may be elsewhere.
      if (moment === 'unknown' || now() >= deadline) break;
    }
    afterRound(threads);
    if (now() >= deadline) return false;
    await delay(ROUND_MS);
  }
}

/** That time is over and nobody was borrowed. */
export function notBorrowed(process: Process, moments: Moments): UlpError {
  const isShort = shortOfStack(process);
  const short = look(process).find(({ asleep }) => asleep && isShort(asleep));
  const reasons = [
    'nothing was changed',
    short &&
      `thread ${short.thread.tid} has less than ${STACK_BYTES} bytes of its stack left: try again when it has more, or restart with larger stacks`,
    moments.why,
  ];
  return new UlpError('timed-out', {
    subject: process.subject,
    fact: 'no thread of it could be borrowed in time',
    detail: reasons.filter((reason) => reason !== undefined).join('; '),
  });
}

interface Looked {
  readonly thread: Thread;
  /** undefined: it runs. */
  readonly asleep: Asleep | undefined;
}

const look = (process: Process): Looked[] =>
  process.threads().map((thread) => ({
    thread,
    asleep: 'SD'.includes(thread.state) ? process.asleep(thread.tid) : undefined,
  }));

function shortOfStack(process: Process): (asleep: Asleep) => boolean {
  const maps = process.maps();
  return ({ sp }) => !hasStack(maps, process.memory, sp);
}

function rank(process: Process, { thread, asleep }: Looked): number {
  const { state } = thread;
  if (state === 'R') return RANK.running;
  if (state !== 'S') return RANK.other;
  if (!asleep) return RANK.running; // by now
  if (timeOutOf(asleep) || ringTimeOut(process.memory, asleep) !== undefined)
    return RANK.beginsAnew;
  if (socketOf(process, thread, asleep)) return RANK.socket;
  return isRepeated(asleep) ? RANK.repeated : RANK.fragile;
}

function isRepeated({ syscall, args }: Asleep): boolean {
  const mask = MASK_ARGUMENT.get(syscall);
  if (mask !== undefined) return args[mask] === 0n;
  return REPEATED.has(syscall);
}

const waitsInVfork = ({ syscall, args }: Asleep): boolean =>
  FORKING.has(syscall) || (syscall === NR_CLONE && ((args[0] ?? 0n) & CLONE_VFORK) !== 0n);
