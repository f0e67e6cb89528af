/**
 * The tiers of the tests. A file name tells the tier: NAME.unit.test.ts, NAME.system.test.ts,
 * NAME.real.test.ts and NAME.long.test.ts; NAME.test.ts is a process test.
 *
 *   unit     functions of a package, from its sources: needs no build and no compiler
 *   process  real processes, libraries and commands of this checkout
 *   system   the machine too: its users, control groups and mounts, installed packages, a debugger
 *   real     what others have made: their libraries, compilers and fixes
 *   long     what takes many minutes to build or to run: not in `npm test` (test-long.mjs)
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

/** @param {string} path of a test file */
export const tierOf = (path) => /\.(unit|system|real|long)\.test\.ts$/.exec(path)?.[1] ?? 'process';

/** Where tests lie. */
const FOLDERS = [
  'runtime/test',
  'test-targets/test',
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/test`),
];

/** All test files, by their paths in the repository. */
export const testFiles = () =>
  FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  );
