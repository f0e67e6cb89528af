/**
 * When a thread may be stopped. A stop makes some time-outs begin anew, and nothing can be done about it: those of sockets and of
 * io_uring_enter, which are no arguments of the call; and under a seccomp filter all that the kernel does not count down. Who
 * waits in such a call is stopped when it has just begun it, and no time has gone by that could be lost.
 *
 * A call has just begun when, at the last look, its thread was elsewhere; or when the thread has, since then, come to the address to
 * which the last call returns.
 */
import type { Tid } from '@ulp/core';
import { isSameCall, now, ReturnWatch, socketTimeOuts, syscallName } from '@ulp/ptrace-ffi';
import type { Asleep, Process, SocketQuestion, Thread } from '@ulp/ptrace-ffi';
import { mayBeFiltered } from './permits';
import { socketOf } from './socket-calls';
import { ringTimeOut, timeOutOf, wholeOf } from './time-outs';

/** How long a call may have gone on when its thread is stopped, in ms; so late is its end then at most. */
const FRESH_MS = 20;
/** Sockets that are asked at once. */
const MOST = 64;
const NS_PER_MS = 1_000_000;

interface Look {
  /** See now(). */
  readonly at: number;
  /** The call has not begun earlier; undefined: nothing is known. */
  readonly begun: number | undefined;
  readonly asleep: Asleep | undefined;
  readonly watch: ReturnWatch | undefined;
}

/** unknown: ask first whether its socket has a time-out. */
export type Moment = 'good' | 'bad' | 'unknown';

export class Moments {
  private readonly looks = new Map<Tid, Look>();
  /** Time-outs in ms, by keyOf(). */
  private readonly known = new Map<string, number | null>();
  private waiting: string | undefined;

  constructor(private readonly process: Process) {}

  /** May this thread be stopped now, as far as its time-out goes? To be asked again and again. */
  of(thread: Thread): Moment {
    const { tid } = thread;
    const at = now();
    const asleep = this.process.asleep(tid);
    const timeOut = asleep && this.timeOutOf(thread, asleep);
    const timed = asleep && typeof timeOut === 'number' ? { asleep, timeOut } : undefined;
    const watch = timed && ReturnWatch.at(tid, timed.asleep.pc);
    const last = this.looks.get(tid);
    const begun = last && isAnother(last, asleep) ? last.at : last?.begun;
    last?.watch?.close();
    this.looks.set(tid, { at, begun, asleep, watch });
    if (!timed) return timeOut === 'unknown' ? 'unknown' : 'good';
    // Where nothing can be watched, no better moment would be known.
    if (!watch || (begun !== undefined && now() - begun <= FRESH_MS)) return 'good';
    this.waiting = `thread ${tid} waits in ${syscallName(timed.asleep.syscall)}, and a stop would begin its time-out of ${Math.ceil(timed.timeOut)} ms anew: try again with a --timeout that is longer`;
    return 'bad';
  }

  /** Asks the sockets that these threads wait for, until the deadline at most. No thread may stand meanwhile. */
  async learn(threads: readonly Thread[], deadline: number): Promise<void> {
    const questions = threads
      .flatMap((thread) => {
        const asleep = this.process.asleep(thread.tid);
        return (asleep && socketOf(this.process, thread, asleep)) ?? [];
      })
      .filter((question) => !this.known.has(keyOf(question)))
      .slice(0, MOST);
    if (questions.length === 0) return;
    const limit = Math.max(0, deadline - now());
    const answers = await socketTimeOuts(this.process.pid, questions, limit);
    if (!answers)
      this.waiting = 'its sockets could not be asked in time whether they have a time-out';
    questions.forEach((question, i) => {
      const answer = answers?.[i];
      if (answer !== undefined) this.known.set(keyOf(question), answer);
    });
  }

  /** The last bad moment, in words. */
  get why(): string | undefined {
    return this.waiting;
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
function isAnother(last: Look, asleep: Asleep | undefined): boolean {
  if (!last.asleep || !asleep || !isSameCall(last.asleep, asleep)) return true;
  const passes = last.watch?.passes();
  return passes !== undefined && passes > 0n;
}
