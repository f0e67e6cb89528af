/**
 * Stopping one thread, and letting it go as if nothing had been. Synchronous: see tracee.ts of
 * @ulp/ptrace-ffi.
 */
import { tid as asTid, type Pid, type Tid } from '@ulp/core';
import { now, type Process } from '@ulp/ptrace-ffi';
import { executed, resumable, seize, tracerOf, type Tracee } from '@ulp/ptrace-ffi/borrowing';

/**
 * How long a thread may take to stop before another one is tried, in ms, whatever else it stops for
 * meanwhile.
 */
const STOP_MS = 200;

/**
 * The threads that this program has asked to stop. One object for the whole program: a thread that
 * comes late belongs to this program as its tracer, and is let go by whatever is done next, in
 * whichever process.
 */
export class Stops {
  /** Threads that did not stop in time: they cannot be let go before they do. */
  private readonly late = new Map<Tid, Tracee>();
  /** Processes that they may belong to. */
  private readonly touched = new Set<Pid>();

  /** Attaches and asks it to stop; perhaps it has been asked before. @throws as seize */
  askToStop(tid: Tid): Tracee {
    const before = this.late.get(tid);
    this.late.delete(tid);
    if (before) return before;
    const tracee = seize(tid);
    tracee.interrupt();
    return tracee;
  }

  /** @returns false when it does not stop, or is stopped with the whole process */
  awaitStop(tracee: Tracee): boolean {
    for (const end = now() + STOP_MS; ;) {
      const event = tracee.waitForStop(Math.max(0, end - now()));
      switch (event?.kind) {
        case undefined:
          this.comesLate(tracee);
          return false;
        case 'interrupted':
          return true;
        case 'signal': // let it be delivered, then ask again
          keepCall(tracee);
          if (now() >= end) {
            tracee.detach(event.signal);
            return false;
          }
          tracee.interrupt();
          tracee.cont(event.signal);
          break;
        case 'group':
          keepCall(tracee);
          return false;
        default:
          return false;
      }
    }
  }

  /** It does not stand, and has to be let go when it does. */
  comesLate(tracee: Tracee): void {
    this.late.set(tracee.tid, tracee);
  }

  /** Does nothing to a thread that has not stopped yet. */
  letGo(tracee: Tracee): void {
    if (!this.late.has(tracee.tid)) tracee.detach();
  }

  /** Lets go those that have stopped since. The end of this program frees the rest. */
  releaseLate({ pid }: Process): void {
    for (const tracee of this.late.values()) this.release(tracee, 0);
    for (const each of this.touched.add(pid)) this.releaseExecuted(each);
    if (this.late.size === 0) this.touched.clear();
  }

  private release(tracee: Tracee, waitMs: number): void {
    try {
      const stop = tracee.waitForStop(waitMs);
      if (!stop) {
        this.comesLate(tracee);
        return;
      }
      if (stop.kind !== 'executed') keepCall(tracee);
      tracee.detach(stop.kind === 'signal' ? stop.signal : 0);
    } catch {
      // It has ended.
    }
    this.late.delete(tracee.tid);
  }

  /**
   * A thread that has executed a program while it was traced: it is the first thread now, traced
   * still, and stands perhaps.
   */
  private releaseExecuted(pid: Pid): void {
    const first = asTid(pid);
    if (this.late.has(first) || tracerOf(first) !== process.pid) return;
    try {
      const tracee = executed(first);
      tracee.interrupt();
      this.release(tracee, STOP_MS);
    } catch {
      // It has ended.
    }
  }
}

/**
 * The stop has broken its system call off, and nothing else may: a signal that is ignored stops a
 * traced thread too.
 */
export function keepCall(tracee: Tracee): void {
  tracee.setRegs(resumable(tracee.getRegs()));
}
