/**
 * The criterion `a safe point`. A stop makes some time-outs begin anew, and nothing can be done
 * about it: those of sockets and of io_uring_enter, which are no arguments of the call; and under a
 * seccomp filter all those that the kernel does not count down. A thread in such a call is stopped
 * when it has just begun the call, so that no time has gone by that could be lost.
 *
 * A call has just begun when its thread was elsewhere at the last look; or when the thread has,
 * since then, come to the address to which the last call returns.
 *
 * A thread that does not sleep may have been woken just now, because its time was over, and not
 * have left the call yet: some sockets would take the stop for a signal then, and wait for their
 * whole time again. The thread has left the call when it has come to that address; or, where it was
 * not seen asleep before, when it has run for longer than that takes.
 */
import type { Tid } from '@ulp/core';
import { now } from '@ulp/ptrace-ffi';
import {
  isSameCall,
  readRunTime,
  ReturnWatch,
  socketTimeOuts,
  syscallName,
} from '@ulp/ptrace-ffi/borrowing';
import type { Asleep, Process, Thread } from '@ulp/ptrace-ffi';
import type { SocketQuestion } from '@ulp/ptrace-ffi/borrowing';
import { socketOf } from '../calls/socket';
import { ringTimeOut, timeOutOf, wholeOf } from '../calls/time-out';
import { GOOD, goodIf, later, type Candidate, type Criterion, type Verdict } from './criterion';
import { mayBeFiltered } from './may-be-filtered';

/**
 * How long a call may have gone on when its thread is stopped, in ms; so late is its end then at
 * most.
 */
const FRESH_MS = 20;
/** Sockets that are asked at once. */
const MOST = 64;
const NS_PER_MS = 1_000_000;
/** Longer than a thread that has been woken runs until it is back in its program, in ns. */
const WAY_BACK = 1_000_000n;

interface Look {
  /** See now(). */
  readonly at: number;
  /** The call has not begun earlier; undefined: nothing is known. */
  readonly begun: number | undefined;
  readonly asleep: Asleep | undefined;
  readonly watch: ReturnWatch | undefined;
  /** Was it where a stop costs nothing, or nothing better can be known? */
  readonly isFree: boolean;
  /** Of one that does not sleep, when it was first seen so: see readRunTime(). */
  readonly ran?: bigint | undefined;
}

export class SafePoint implements Criterion {
  readonly name = 'a safe point';
  private readonly looks = new Map<Tid, Look>();
  /** Time-outs in ms, by keyOf(). */
  private readonly known = new Map<string, number | null>();

  constructor(private readonly process: Process) {}

  /** May this thread be stopped now, as far as its time-out goes? To be asked again and again. */
  look({ thread }: Candidate): Verdict {
    const { tid } = thread;
    const at = now();
    const asleep = this.process.asleep(tid);
    if (!asleep) return goodIf(this.isFreeRunning(tid, at));
    const timeOut = this.timeOutOf(thread, asleep);
    const isTimed = typeof timeOut === 'number';
    const watch = isTimed ? ReturnWatch.at(tid, asleep.pc) : undefined;
    const last = this.looks.get(tid);
    const begun = last && isAnother(last, asleep) ? last.at : last?.begun;
    // Where nothing can be watched, no better moment would be known.
    const isFree = timeOut === undefined || (isTimed && !watch);
    this.note(tid, { at, begun, asleep, watch, isFree });
    if (timeOut === 'unknown') return { kind: 'later', asks: true };
    if (isFree || (begun !== undefined && now() - begun <= FRESH_MS)) return GOOD;
    return later(
      `thread ${tid} waits in ${syscallName(asleep.syscall)}, and a stop would begin its time-out of ${Math.ceil(timeOut)} ms anew: try again with a --timeout that is longer`,
    );
  }

  private isFreeRunning(tid: Tid, at: number): boolean {
    const last = this.looks.get(tid);
    const passes = last?.watch?.passes();
    if (last && passes === 0n) {
      this.looks.set(tid, { ...last, at });
      return false;
    }
    const runs = readRunTime(tid);
    const ran = last?.ran ?? runs;
    const hasRun = runs === undefined || ran === undefined || runs - ran > WAY_BACK;
    const isFree = hasRun || passes !== undefined || last?.isFree === true;
    this.note(tid, { at, begun: undefined, asleep: undefined, watch: undefined, isFree, ran });
    return isFree;
  }

  private note(tid: Tid, look: Look): void {
    this.looks.get(tid)?.watch?.close();
    this.looks.set(tid, look);
  }

  /** Asks the sockets that these threads wait for, until the deadline at most. */
  async learn(candidates: readonly Candidate[], deadline: number): Promise<string | undefined> {
    const questions = candidates
      .flatMap(({ thread }) => {
        const asleep = this.process.asleep(thread.tid);
        return (asleep && socketOf(this.process, thread, asleep)) ?? [];
      })
      .filter((question) => !this.known.has(keyOf(question)))
      .slice(0, MOST);
    if (questions.length === 0) return undefined;
    const limit = Math.max(0, deadline - now());
    const answers = await socketTimeOuts(this.process.pid, questions, limit);
    questions.forEach((question, i) => {
      const answer = answers?.[i];
      if (answer !== undefined) this.known.set(keyOf(question), answer);
    });
    return answers
      ? undefined
      : 'its sockets could not be asked in time whether they have a time-out';
  }

  close(): void {
    for (const { watch } of this.looks.values()) watch?.close();
    this.looks.clear();
  }

  /** In ms; undefined: none that would begin anew. */
  private timeOutOf(thread: Thread, asleep: Asleep): number | 'unknown' | undefined {
    const { memory } = this.process;
    const ring = ringTimeOut(memory, asleep);
    if (ring !== undefined) return inMs(ring);
    const argument = mayBeFiltered(thread) ? timeOutOf(asleep) : undefined;
    if (argument) return inMs(wholeOf(memory, asleep, argument) ?? 0n);
    const socket = socketOf(this.process, thread, asleep);
    if (!socket) return undefined;
    const known = this.known.get(keyOf(socket));
    return known === undefined ? 'unknown' : (known ?? undefined);
  }
}

const inMs = (ns: bigint): number => Number(ns) / NS_PER_MS;

const keyOf = ({ link, side }: SocketQuestion): string => `${link} ${side}`;

/** Is what a thread sleeps in now another call than at the last look? */
function isAnother(last: Look, asleep: Asleep): boolean {
  if (!last.asleep || !isSameCall(last.asleep, asleep)) return true;
  const passes = last.watch?.passes();
  return passes !== undefined && passes > 0n;
}
