/**
 * Which tests a change asks for, within a time: those that were changed themselves, then those of
 * the packages that the change touches, then those of the packages that depend on them.
 */
import { tierOf } from './tiers.mjs';

/**
 * Packages by how many steps of dependency they are away from what was changed.
 * @param {ReadonlySet<string>} changed folders
 * @param {ReadonlyMap<string, readonly string[]>} dependencies of each folder, as folders
 * @returns {Map<string, number>} 0 for those that were changed
 */
export function distances(changed, dependencies) {
  const found = new Map([...changed].map((folder) => [folder, 0]));
  for (const [folder, distance] of found)
    for (const [dependent, needs] of dependencies)
      if (needs.includes(folder) && !found.has(dependent)) found.set(dependent, distance + 1);
  return found;
}

/**
 * @param {object} change
 * @param {readonly string[]} change.files that were changed
 * @param {readonly string[]} change.tests all test files
 * @param {ReadonlyMap<string, readonly string[]>} change.dependencies of each package, by folders
 * @param {Readonly<Record<string, number>>} change.durations of test files, in s
 * @param {number} change.seconds that there are for all that is not a unit test
 * @returns {{ chosen: string[], left: string[] }} to run; what the change touches as well, and
 *   there is no time for
 */
export function chooseTests({ files, tests, dependencies, durations, seconds }) {
  const folderOf = (file) =>
    [...dependencies.keys()].find((folder) => file.startsWith(`${folder}/`)) ?? '';
  const near = distances(new Set(files.map(folderOf).filter(Boolean)), dependencies);
  const cost = (test) => durations[test] ?? 0;
  const rank = (test) => (files.includes(test) ? -1 : (near.get(folderOf(test)) ?? Infinity));
  const touched = tests
    .filter((test) => tierOf(test) !== 'unit' && rank(test) < Infinity)
    .sort((a, b) => rank(a) - rank(b) || cost(a) - cost(b));
  const chosen = tests.filter((test) => tierOf(test) === 'unit');
  const left = [];
  let rest = seconds;
  for (const test of touched) {
    rest -= cost(test);
    (rest >= 0 || files.includes(test) ? chosen : left).push(test);
  }
  return { chosen, left };
}
