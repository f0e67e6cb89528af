/**
 * The criterion `its seccomp filters allow a change`. It is asked before anything is touched: the
 * helper inherits the filters of the thread that is borrowed, and a filter that answers with a
 * signal, or kills, would end the process. So would a dispatch of its system calls to itself
 * (PR_SET_SYSCALL_USER_DISPATCH), which makes no sense without a handler for SIGSYS: where there is
 * none, the dispatch is asked about at the stop alone.
 */
import { UlpError, type Tid } from '@ulp/core';
import { readStatus, seccompVerdict, type SeccompFilter } from '@ulp/ptrace-ffi/borrowing';
import type { Process, Thread } from '@ulp/ptrace-ffi';
import type { SeccompVerdict, Tracee } from '@ulp/ptrace-ffi/borrowing';
import { keepCall, type Stops } from '../borrow/stops';
import type { NeededCall } from '../calls/needed';
import { GOOD, goodIf, refused, type Candidate, type Criterion, type Verdict } from './criterion';
import { mayBeFiltered } from './may-be-filtered';

const STRICT = 1;

interface Examined {
  /** Of its filters. */
  readonly count: number;
  /** undefined: all is allowed. */
  readonly refusal: UlpError | undefined;
}

export class Filters implements Criterion {
  readonly name = 'its seccomp filters allow a change';
  private readonly known = new Map<Tid, Examined>();

  /** @param calls that a change makes */
  constructor(
    private readonly process: Process,
    private readonly calls: readonly NeededCall[],
    private readonly stops: Stops,
  ) {}

  /** A thread that may have filters stands for a moment, at the first look at it. */
  look({ thread }: Candidate): Verdict {
    if (!this.isKnown(thread)) this.examine(thread);
    return this.known.has(thread.tid) ? this.asKnown(thread) : goodIf(!mayBeFiltered(thread));
  }

  /** The criterion by what is known: nobody is stopped. */
  asKnown({ tid }: Thread): Verdict {
    const refusal = this.known.get(tid)?.refusal;
    return refusal ? refused(refusal) : GOOD;
  }

  /** Can look() answer without stopping the thread? */
  isKnown(thread: Thread): boolean {
    return this.known.has(thread.tid) || !mayBeFiltered(thread);
  }

  /**
   * Is it as it was when it was examined? Of a thread that stands.
   * @returns how many filters it has; undefined: it has others by now
   */
  confirm(tracee: Tracee): number | undefined {
    if (tracee.dispatchesSyscalls()) {
      this.known.set(tracee.tid, { count: 0, refusal: this.dispatching() });
      return undefined;
    }
    const expected = this.known.get(tracee.tid)?.count ?? 0;
    const count = tracee.seccompFilterCount();
    if (count === undefined && expected === 0 && isFree(tracee.tid)) return 0;
    if (count === expected) return count;
    this.known.delete(tracee.tid);
    return undefined;
  }

  private examine({ tid, seccomp, ...thread }: Thread): void {
    if (seccomp === STRICT) {
      this.known.set(tid, { count: 0, refusal: this.strict() });
      return;
    }
    let filters: readonly SeccompFilter[] | undefined = [];
    let dispatches: boolean | undefined;
    let tracee: Tracee | undefined;
    try {
      tracee = this.stops.askToStop(tid);
      if (!this.stops.awaitStop(tracee)) return;
      keepCall(tracee);
      if (seccomp !== 0) filters = tracee.seccompFilters();
      dispatches = tracee.dispatchesSyscalls();
    } catch (error) {
      if (error instanceof UlpError && error.code === 'process-missing') return;
      throw error;
    } finally {
      if (tracee) this.stops.letGo(tracee);
    }
    // A process that handles SIGSYS may be one that dispatches: where the kernel does not tell, it
    // is left alone.
    const isDangerous = dispatches ?? thread.catchesSigsys;
    const refusal = isDangerous ? this.dispatching() : this.judge(filters);
    this.known.set(tid, { count: filters?.length ?? 0, refusal });
  }

  private judge(filters: readonly SeccompFilter[] | undefined): UlpError | undefined {
    if (!filters) return this.unreadable();
    for (const call of this.calls) {
      const verdict = seccompVerdict(filters, call);
      if (!isHarmless(verdict, call)) return this.denied(call, verdict);
    }
    return undefined;
  }

  private denied(call: NeededCall, verdict: SeccompVerdict): UlpError {
    return new UlpError('process-unsupported', {
      subject: this.process.subject,
      fact: 'its seccomp filter does not let the change happen',
      expected: `${call.name} to be allowed`,
      found: EFFECTS[verdict.action](verdict.data),
      detail:
        'allow it in the filter (systemd: SystemCallFilter=) and restart; nothing was changed',
    });
  }

  private dispatching(): UlpError {
    return new UlpError('process-unsupported', {
      subject: this.process.subject,
      fact: 'its threads may have system calls dispatched to a handler of their own (prctl(2), PR_SET_SYSCALL_USER_DISPATCH)',
      detail: 'they would get a signal for those of a change; nothing was changed',
    });
  }

  private strict(): UlpError {
    return new UlpError('process-unsupported', {
      subject: this.process.subject,
      found: 'the strict mode of seccomp(2), which ends a thread for almost every system call',
    });
  }

  private unreadable(): UlpError {
    return new UlpError('process-denied', {
      subject: this.process.subject,
      fact: 'its seccomp filter cannot be read, and may be one that ends the process',
      detail: 'run as root on the host, outside of containers; nothing was changed',
    });
  }
}

const EFFECTS: Readonly<Record<SeccompVerdict['action'], (data: number) => string>> = {
  allow: () => 'it is',
  log: () => 'it is',
  errno: (data) => `errno ${data}`,
  trace: () => 'a tracer to decide',
  notify: () => 'a supervisor to decide',
  trap: () => 'a signal (SIGSYS)',
  'kill-thread': () => 'the end of the thread',
  'kill-process': () => 'the end of the process',
};

/** Without a tracer that asked for it, `trace` is an error. */
const isHarmless = ({ action }: SeccompVerdict, { dispensable }: NeededCall): boolean =>
  action === 'allow' ||
  action === 'log' ||
  (dispensable && (action === 'errno' || action === 'trace'));

/** Has this thread no seccomp filter? False when it has ended. */
function isFree(task: number): boolean {
  try {
    const status = readStatus(`/proc/${task}/status`);
    return /^[^ZXx]/.test(status?.get('State') ?? '') && status?.get('Seccomp') === '0';
  } catch {
    return false;
  }
}
