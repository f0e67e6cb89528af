/**
 * Which thread to borrow, and why none. The criteria are asked in this order, and the first one
 * that does not say `good` decides:
 *
 * 1. those of the list (candidates.ts), which only read: no thread is executing a program; it is
 *    alive and running; it stops; its call is not partially complete; it has enough stack;
 * 2. it was not refused before (filters.ts);
 * 3. a safe point (safe-point.ts);
 * 4. it sees the files of the process (surroundings.ts);
 * 5. its seccomp filters allow a change (filters.ts), for which the thread may have to stand.
 *
 * What a stopped thread alone can tell is asked when it stands: borrow/borrow.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { UlpError } from '@ulp/core';
import { now, type Process, type Thread } from '@ulp/ptrace-ffi';
import type { Tracee } from '@ulp/ptrace-ffi/borrowing';
import type { Stops } from '../borrow/stops';
import type { NeededCall } from '../calls/needed';
import { listed, listingCriteria, readCandidates } from './candidates';
import { GOOD, objectionOf, type Candidate, type Criterion, type Objection } from './criterion';
import { Filters } from './filters';
import type { SafePoint } from './safe-point';
import { sameSurroundings } from './surroundings';

/** Between two rounds over all threads, in ms. */
const ROUND_MS = 5;

interface Attempts {
  /** @returns true when that is all */
  readonly attempt: (thread: Thread) => boolean;
  /** When no attempt has been the last. */
  readonly afterRound: () => void;
}

export class Choice {
  private readonly filters: Filters;
  /** Why threads were left out of the last list, and why others were not taken; by criterion. */
  private readonly whyUnlisted = new Map<Criterion['name'], string>();
  private readonly whyUntaken = new Map<Criterion['name'], string>();

  /** @param calls that the change makes in the process */
  constructor(
    private readonly process: Process,
    calls: readonly NeededCall[],
    private readonly safePoint: SafePoint,
    stops: Stops,
  ) {
    this.filters = new Filters(process, calls, stops);
  }

  /**
   * Waits until a thread is found that may be borrowed as far as its filters go.
   * @throws UlpError process-unsupported, process-denied (no thread may, for the filters' sake);
   * timed-out; process-*
   */
  async requireAllowed(deadline: number): Promise<void> {
    const { filters, safePoint, process } = this;
    const safePointToAsk: Criterion = {
      name: safePoint.name,
      look: (candidate) => (filters.isKnown(candidate.thread) ? GOOD : safePoint.look(candidate)),
      learn: (candidates, end) => safePoint.learn(candidates, end),
    };
    const isFound = await this.rounds([this.notRefused, safePointToAsk, filters], deadline, {
      attempt: () => true,
      afterRound: () => process.assertAlive(),
    });
    if (!isFound) throw this.tooLate();
  }

  /**
   * Tries one thread after the other, each at a moment at which a stop costs it nothing.
   * @returns false when time is over
   * @throws UlpError process-unsupported, process-denied (no thread may be borrowed, for the
   * filters' sake); what the attempts throw
   */
  tryEach(deadline: number, attempts: Attempts): Promise<boolean> {
    const { filters, safePoint, process } = this;
    const criteria = [this.notRefused, safePoint, sameSurroundings(process), filters];
    return this.rounds(criteria, deadline, attempts);
  }

  /** See Filters.confirm. */
  readonly confirm = (tracee: Tracee): number | undefined => this.filters.confirm(tracee);

  /** That time is over and nobody was borrowed. */
  tooLate(): UlpError {
    const reasons = [
      'nothing was changed',
      ...this.whyUnlisted.values(),
      ...this.whyUntaken.values(),
    ];
    return new UlpError('timed-out', {
      subject: this.process.subject,
      fact: 'no thread of it could be borrowed in time',
      detail: reasons.join('; '),
    });
  }

  private get notRefused(): Criterion {
    return {
      name: 'it was not refused before',
      look: ({ thread }) => this.filters.asKnown(thread),
    };
  }

  private async rounds(
    criteria: readonly Criterion[],
    deadline: number,
    { attempt, afterRound }: Attempts,
  ): Promise<boolean> {
    for (;;) {
      const candidates = this.list();
      for (const candidate of candidates) {
        const objection = this.objection(criteria, candidate);
        if (!objection && attempt(candidate.thread)) return true;
        if (objection?.asks) await this.learn(objection.criterion, candidates, deadline);
        // After that, all of them may be elsewhere.
        if (objection?.asks === true || now() >= deadline) break;
      }
      this.throwIfAllRefused(candidates);
      afterRound();
      if (now() >= deadline) return false;
      await delay(ROUND_MS);
    }
  }

  /** The threads that the criteria of the list leave, least risky first. */
  private list(): Candidate[] {
    this.whyUnlisted.clear();
    const all = readCandidates(this.process);
    const criteria = listingCriteria(this.process, all);
    return listed(this.process, all, (candidate) => {
      const objection = objectionOf(criteria, candidate);
      if (objection?.why !== undefined && !this.whyUnlisted.has(objection.criterion.name))
        this.whyUnlisted.set(objection.criterion.name, objection.why);
      return objection === undefined;
    });
  }

  private objection(criteria: readonly Criterion[], candidate: Candidate): Objection | undefined {
    const objection = objectionOf(criteria, candidate);
    if (objection?.why !== undefined) this.whyUntaken.set(objection.criterion.name, objection.why);
    return objection;
  }

  private async learn(
    criterion: Criterion,
    candidates: readonly Candidate[],
    deadline: number,
  ): Promise<void> {
    const why = await criterion.learn?.(candidates, deadline);
    if (why !== undefined) this.whyUntaken.set(criterion.name, why);
  }

  /** When every one of them is refused: says why. */
  private throwIfAllRefused(candidates: readonly Candidate[]): void {
    const errors = candidates.flatMap(({ thread }) => {
      const verdict = this.filters.asKnown(thread);
      return verdict.kind === 'refused' ? verdict.error : [];
    });
    const [first] = errors;
    if (first && errors.length === candidates.length) throw first;
  }
}
