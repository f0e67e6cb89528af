/**
 * The threads that are worth trying, least risky first. This file only reads: no thread is touched.
 */
import type { Process, Thread } from '@ulp/ptrace-ffi';
import { hasStack, STACK_BYTES } from '../borrow/stack';
import { argument } from '../calls/argument';
import { socketOf } from '../calls/socket';
import { blockingCall, type BlockingCall } from '../calls/table';
import { ringTimeOut, timeOutOf } from '../calls/time-out';
import { GOOD, goodIf, later, objectionOf, type Candidate, type Criterion } from './criterion';

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

/** Letters of Thread.state: dead, or stopped with the whole process. */
const UNFIT_STATES = 'ZXxT';
/** Letters of Thread.state: asleep, whether signals can wake the thread or not. */
const ASLEEP_STATES = 'SD';

const callOf = ({ asleep }: Candidate): BlockingCall | undefined => asleep && blockingCall(asleep);

export const readCandidates = (process: Process): Candidate[] =>
  process.threads().map((thread) => ({
    thread,
    asleep: ASLEEP_STATES.includes(thread.state) ? process.asleep(thread.tid) : undefined,
  }));

/** The criteria that leave a thread out of the list. */
export function listingCriteria(process: Process, all: readonly Candidate[]): Criterion[] {
  const { memory } = process;
  const executes = all.some((candidate) => callOf(candidate)?.stop === 'executes');
  const maps = executes ? [] : process.maps();
  return [
    {
      // As long as one is in execve(2), nobody else in the process can be seized, and who tries
      // waits with it.
      name: 'no thread of the process is executing a program',
      look: () => goodIf(!executes),
    },
    {
      name: 'alive and running',
      look: ({ thread }) => goodIf(!UNFIT_STATES.includes(thread.state)),
    },
    {
      name: 'it stops before a child of vfork(2) goes on',
      look: (candidate) => goodIf(callOf(candidate)?.stop !== 'waits for a child'),
    },
    {
      // It would end with its part.
      name: 'its call is not partially complete',
      look: (candidate) =>
        goodIf(!callOf(candidate)?.partial?.mayBe(candidate.asleep?.args ?? [], memory)),
    },
    {
      name: 'it has enough stack',
      look: ({ thread, asleep }) =>
        !asleep || hasStack(maps, memory, asleep.sp)
          ? GOOD
          : later(
              `thread ${thread.tid} has less than ${STACK_BYTES} bytes of its stack left: try again when it has more, or restart with larger stacks`,
            ),
    },
  ];
}

/** Those of whom all criteria of the list are good, least risky first. */
export function listed(
  process: Process,
  all: readonly Candidate[],
  isGood: (candidate: Candidate) => boolean,
): Candidate[] {
  return all
    .filter(isGood)
    .map((candidate) => ({ candidate, rank: rank(process, candidate) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ candidate }) => candidate);
}

/** The threads to try, least risky first. */
export function candidates(process: Process): Thread[] {
  const all = readCandidates(process);
  const criteria = listingCriteria(process, all);
  const isGood = (candidate: Candidate): boolean => !objectionOf(criteria, candidate);
  return listed(process, all, isGood).map(({ thread }) => thread);
}

function rank(process: Process, { thread, asleep }: Candidate): number {
  const { state } = thread;
  if (state === 'R') return RANK.running;
  if (state !== 'S') return RANK.other;
  if (!asleep) return RANK.running; // by now
  if (timeOutOf(asleep) || ringTimeOut(process.memory, asleep) !== undefined)
    return RANK.beginsAnew;
  if (socketOf(process, thread, asleep)) return RANK.socket;
  const call = blockingCall(asleep);
  const isRepeated =
    call?.mask === undefined ? call?.stop === 'repeated' : argument(asleep.args, call.mask) === 0n;
  return isRepeated ? RANK.repeated : RANK.fragile;
}
