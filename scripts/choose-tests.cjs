// @ts-check
/**
 * Which tests a change asks for, within a time: those that were changed themselves, then those of
 * the packages that the change touches, then those of the packages that depend on them.
 */
'use strict';

/**
 * Packages by how many steps of dependency they are away from what was changed.
 * @param {ReadonlySet<string>} changed folders
 * @param {ReadonlyMap<string, readonly string[]>} dependencies of each folder, as folders
 * @returns {Map<string, number>} 0 for those that were changed
 */
function distances(changed, dependencies) {
  const found = new Map([...changed].map((folder) => [folder, 0]));
  // A folder that is added on the way is visited too.
  for (const [folder, distance] of found)
    for (const [dependent, needs] of dependencies)
      if (needs.includes(folder) && !found.has(dependent)) found.set(dependent, distance + 1);
  return found;
}

/**
 * @param {object} change
 * @param {readonly string[]} change.files that were changed
 * @param {readonly string[]} change.tests test files that need time
 * @param {ReadonlyMap<string, readonly string[]>} change.dependencies of each package, by folders
 * @param {Readonly<Record<string, number>>} change.durations of test files, in s
 * @param {number} change.seconds that there are
 * @returns {{ chosen: string[], left: string[] }} to run; what the change touches as well, and
 *   there is no time for
 */
function chooseTests({ files, tests, dependencies, durations, seconds }) {
  /** @param {string} file */
  const folderOf = (file) =>
    [...dependencies.keys()].find((folder) => file.startsWith(`${folder}/`)) ?? '';
  const near = distances(new Set(files.map(folderOf).filter(Boolean)), dependencies);
  /** @param {string} test */
  const cost = (test) => durations[test] ?? 0;
  /** @param {string} test */
  const rank = (test) => (files.includes(test) ? -1 : (near.get(folderOf(test)) ?? Infinity));
  const touched = tests
    .filter((test) => rank(test) < Infinity)
    .sort((a, b) => rank(a) - rank(b) || cost(a) - cost(b));
  /** @type {string[]} */
  const chosen = [];
  /** @type {string[]} */
  const left = [];
  let rest = seconds;
  for (const test of touched) {
    const fits = cost(test) <= rest;
    if (fits) rest -= cost(test);
    (fits ? chosen : left).push(test);
  }
  return { chosen, left };
}

module.exports = { chooseTests };
