/** Commands that are given little time, on purpose. */
import type { Outcome } from './tools';

/** In ms; what suffices on a slow machine comes last, and costs others nothing. */
const LITTLE = [300, 3000, 30_000] as const;

/**
 * Tries with more and more time while the time is over before the command has come to the point,
 * which a slow machine alone does. What it says then is not what is asked for here.
 * @param attempt a command with --timeout MS, which changes nothing when its time is over
 * @param fact what it says in the end
 */
export function givenLittleTime(
  attempt: (ms: number) => Outcome,
  fact: RegExp = /^$/,
  times: readonly number[] = LITTLE,
): Outcome {
  const [ms = 0, ...more] = times;
  const outcome = attempt(ms);
  const isLate = outcome.status === 5 && !fact.test(outcome.stderr);
  return isLate && more.length > 0 ? givenLittleTime(attempt, fact, more) : outcome;
}
