/**
 * Drives a program whose cases are run alone, suspended inside, and all at once: see ways/cases.h.
 */
import type { Target } from './target';
import { succeed } from './tools';
import { waitFor } from './wait.cjs';

/** What each case saw: `inside>after`, by name. @throws with the first check that failed */
export type Results = Record<string, string>;

function parse(line: string): Results {
  const failed = /\S+=FAIL[^;]*/.exec(line);
  if (failed) throw new Error(failed[0]);
  return Object.fromEntries(
    line
      .trim()
      .split(' ')
      .map((word) => word.split('=') as [string, string]),
  );
}

export async function runAll(target: Target): Promise<Results> {
  return parse(await target.ask('run'));
}

/**
 * Suspends every case inside, does something, lets them go on; then looks while their threads still
 * live.
 */
export async function whileSuspended(
  target: Target,
  act: () => Promise<void> | void,
  look: () => void,
): Promise<Results> {
  expect(await target.ask('hold')).toBe('held');
  await act();
  const results = parse(await target.ask('release'));
  look();
  expect(await target.ask('join')).toBe('joined');
  return results;
}

/** Runs all cases in threads, until every one has been run anew after each of `acts`. */
export async function underLoad(
  target: Target,
  threads: number,
  acts: readonly (() => void)[],
): Promise<void> {
  await target.ask(`start ${threads}`);
  for (const act of acts) {
    act();
    const before = Number(await target.ask('rounds'));
    await waitFor(
      `round ${before + 2}`,
      () => target.ask('rounds'),
      (rounds) => Number(rounds) >= before + 2,
      target,
    );
  }
  expect(await target.ask('stop')).toBe('ok');
}

/** All results are `expected`, but for the cases that say otherwise. */
export function expectAll(
  results: Results,
  expected: string,
  otherwise: Readonly<Record<string, RegExp>> = {},
): void {
  const wrong = Object.entries(results).filter(
    ([name, result]) => !(otherwise[name] ?? new RegExp(`^${expected}$`)).test(result),
  );
  expect(wrong).toEqual([]);
}

interface Inspected {
  readonly name: string;
  readonly claims: readonly { readonly inside: boolean; readonly slot: string }[];
}

/**
 * Nobody has been left inside. In limbo, a slot keeps a patch from being unloaded, but no thread in
 * it.
 */
export function expectAllOutside(target: Target): void {
  const { processes } = JSON.parse(succeed('ulp-inspect', target.pid, '--json')) as {
    processes: [{ threads: readonly Inspected[]; ownerless: readonly unknown[] }];
  };
  const [{ threads, ownerless }] = processes;
  expect(ownerless).toEqual([]);
  const inside = threads.filter(({ claims }) => claims.some((c) => c.inside && c.slot !== 'limbo'));
  expect(inside).toEqual([]);
}
