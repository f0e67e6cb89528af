/**
 * Does a thread's seccomp filter let a change happen? Asked before anything is touched: the helper
 * inherits the filter of the thread that is borrowed, and a filter that answers with a signal, or
 * kills, would end the process. So would a dispatch of its system calls to itself
 * (PR_SET_SYSCALL_USER_DISPATCH), which makes no sense without a handler for SIGSYS: where there is
 * none, it is asked about at the stop alone.
 */
import { UlpError, type Tid } from '@ulp/core';
import { readStatus, seccompVerdict, type SeccompFilter } from '@ulp/ptrace-ffi';
import type { Process, SeccompVerdict, Thread, Tracee } from '@ulp/ptrace-ffi';
import type { NeededCall } from './calls';
import { notBorrowed, tryThreads } from './candidates';
import { mayBeFiltered } from './may-be-filtered';
import type { Moments } from './moments';
import { askToStop, awaitStop, keepCall, letGo } from './stopping';

const STRICT = 1;

interface Examined {
  /** Of its filters. */
  readonly count: number;
  /** undefined: all is allowed. */
  readonly refusal: UlpError | undefined;
}

export class Permits {
  private readonly known = new Map<Tid, Examined>();

  constructor(
    private readonly process: Process,
    private readonly calls: readonly NeededCall[],
    private readonly moments: Moments,
  ) {}

  /**
   * Waits for a thread that may be borrowed.
   * @throws UlpError process-unsupported, process-denied (no thread may, for the filters' sake);
   * timed-out; process-*
   */
  async require(deadline: number): Promise<void> {
    const isFound = await tryThreads(this.process, this.moments, deadline, {
      stops: (thread) => !this.isKnown(thread),
      attempt: (thread) => this.allows(thread),
      afterRound: (threads) => {
        this.throwIfRefused(threads);
        this.process.assertAlive();
      },
    });
    if (!isFound) throw notBorrowed(this.process, this.moments);
  }

  /**
   * May this thread be borrowed, as far as is known? It stands for a moment when it has filters.
   */
  allows(thread: Thread): boolean {
    if (!this.isKnown(thread)) this.examine(thread);
    const known = this.known.get(thread.tid);
    return known ? known.refusal === undefined : !mayBeFiltered(thread);
  }

  private isKnown(thread: Thread): boolean {
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

  /** When every one of them is refused: says why. */
  throwIfRefused(threads: readonly Thread[]): void {
    const refusals = threads.map(({ tid }) => this.known.get(tid)?.refusal);
    const [first] = refusals;
    if (first && refusals.every((refusal) => refusal)) throw first;
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
      tracee = askToStop(tid);
      if (!awaitStop(tracee)) return;
      keepCall(tracee);
      if (seccomp !== 0) filters = tracee.seccompFilters();
      dispatches = tracee.dispatchesSyscalls();
    } catch (error) {
      if (error instanceof UlpError && error.code === 'process-missing') return;
      throw error;
    } finally {
      if (tracee) letGo(tracee);
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
