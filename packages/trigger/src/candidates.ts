/** Which thread to borrow. */
import type { Asleep, Process, Thread } from '@ulp/ptrace-ffi';
import { mayBeHalfway } from './halfway';
import { mayBeginAnew } from './time-outs';

/** The lower, the less a thread can lose. */
const RANK = {
  /** Sleeps in a call that the kernel repeats, even if this program dies right after the stop. */
  repeated: 0,
  running: 1,
  /** Sleeps in a call that would fail with EINTR then (epoll_wait) or miss a signal (pause). */
  fragile: 2,
  /** Sleeps in one whose time-out may begin anew. */
  beginsAnew: 3,
  /** Perhaps it cannot be stopped. */
  other: 4,
} as const;

/** The kernel repeats them: those of descriptors too, but where it is a socket that has a time-out. */
const REPEATED: ReadonlySet<number> = new Set([
  ...[0, 1, 17, 19], // read, write, pread64, readv
  ...[7, 23], // poll, select
  ...[35, 230, 202, 449, 219], // nanosleep, clock_nanosleep, futex, futex_waitv; and those that go on after a stop
  ...[61, 247], // wait4, waitid
  ...[2, 257, 72, 73], // open and openat (of a FIFO), fcntl and flock (locks)
  ...[69, 70, 242, 243], // msgsnd, msgrcv, mq_timedsend, mq_timedreceive
]);
/** Which argument is a signal mask for the time of the call: ppoll, pselect6. */
const MASK_ARGUMENT: ReadonlyMap<number, number> = new Map([
  [271, 3],
  [270, 5],
]);

/** execve, execveat: as long as a thread waits in one, nobody else in the process can be seized, and who tries waits with it. */
const EXECUTING: ReadonlySet<number | undefined> = new Set([59, 322]);

/**
 * Threads to try, the most harmless first; none while one of them executes a program. Those in a call that may have done a part are let alone: it
 * would end with that part.
 */
export function candidates(process: Process): Thread[] {
  const asleep = new Map(
    process
      .threads()
      .map((thread) => [
        thread,
        'SD'.includes(thread.state) ? process.asleep(thread.tid) : undefined,
      ]),
  );
  if ([...asleep.values()].some((call) => EXECUTING.has(call?.syscall))) return [];
  return [...asleep]
    .filter(
      ([{ state }, call]) =>
        !'ZXxT'.includes(state) && !(call && mayBeHalfway(call, process.memory)),
    )
    .map(([thread, call]) => ({ thread, rank: rank(thread, call) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thread }) => thread);
}

function rank({ state }: Thread, asleep: Asleep | undefined): number {
  if (state === 'R') return RANK.running;
  if (state !== 'S') return RANK.other;
  if (!asleep) return RANK.running; // by now
  if (isRepeated(asleep)) return RANK.repeated;
  return mayBeginAnew(asleep) ? RANK.beginsAnew : RANK.fragile;
}

function isRepeated({ syscall, args }: Asleep): boolean {
  const mask = MASK_ARGUMENT.get(syscall);
  if (mask !== undefined) return args[mask] === 0n;
  return REPEATED.has(syscall);
}
