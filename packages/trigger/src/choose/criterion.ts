/**
 * How threads are judged: by an ordered list of criteria. The first criterion of the list that does
 * not say `good` of a thread decides.
 */
import type { UlpError } from '@ulp/core';
import type { Asleep, Thread } from '@ulp/ptrace-ffi';

/** A thread, as it was when the list of threads was read. */
export interface Candidate {
  readonly thread: Thread;
  /** undefined: it ran. */
  readonly asleep: Asleep | undefined;
}

export type Verdict =
  | { readonly kind: 'good' }
  /** Not now. */
  | {
      readonly kind: 'later';
      /** For who is told that time is over; undefined: nothing that could be helped. */
      readonly why?: string | undefined;
      /** The criterion knows too little: learn() first, then list the threads anew. */
      readonly asks?: true;
    }
  /** Never, or not before the process changes itself. */
  | { readonly kind: 'refused'; readonly error: UlpError };

export interface Criterion {
  /** What the criterion wants: `a safe point`. */
  readonly name: string;
  look(candidate: Candidate): Verdict;
  /**
   * Finds out what a verdict that `asks` wants to know. No thread may stand meanwhile.
   * @returns why it could not, for who is told that time is over
   */
  learn?(candidates: readonly Candidate[], deadline: number): Promise<string | undefined>;
}

export const GOOD: Verdict = { kind: 'good' };
export const later = (why?: string): Verdict => ({ kind: 'later', why });
export const refused = (error: UlpError): Verdict => ({ kind: 'refused', error });
/** @param isSo good, or later */
export const goodIf = (isSo: boolean, why?: string): Verdict => (isSo ? GOOD : later(why));

export interface Objection {
  readonly criterion: Criterion;
  readonly why: string | undefined;
  /** See Verdict. */
  readonly asks: boolean;
}

/** What the first criterion says that does not find the candidate good. */
export function objectionOf(
  criteria: readonly Criterion[],
  candidate: Candidate,
): Objection | undefined {
  for (const criterion of criteria) {
    const verdict = criterion.look(candidate);
    if (verdict.kind === 'good') continue;
    const { why, asks } = verdict.kind === 'later' ? verdict : {};
    return { criterion, why, asks: asks === true };
  }
  return undefined;
}
