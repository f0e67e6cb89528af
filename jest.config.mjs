/** One configuration for the whole repository. Tiers: scripts/tiers.mjs. */
const here = import.meta.dirname;

const shared = {
  rootDir: here,
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/build/'],
  modulePathIgnorePatterns: ['/build/'],
  transform: { '\\.ts$': ['ts-jest', { tsconfig: `${here}/tsconfig.test.json` }] },
  // Above every bound of the harness (wait.cjs), so that what hangs is named.
  testTimeout: 300_000 * Number(process.env.ULP_TEST_SLOWNESS ?? 1),
};

export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/test/**/*.unit.test.ts'],
      // The sources of a package, so that nothing has to be built.
      moduleNameMapper: {
        '^@ulp/([a-z-]+)$': '<rootDir>/packages/$1/src',
        '^@ulp/([a-z-]+)/([a-z-]+)$': '<rootDir>/packages/$1/src/$2',
      },
    },
    { ...shared, displayName: 'built', testMatch: ['**/test/**/!(*.unit|*.long).test.ts'] },
    { ...shared, displayName: 'long', testMatch: ['**/test/**/*.long.test.ts'] },
  ],
  reporters: ['default', `${here}/scripts/jest-tally.mjs`],
  testSequencer: `${here}/scripts/jest-longest-first.cjs`,
  // Tests start processes that want a core each.
  maxWorkers: 2,
  // Files are found by a walk: there are few, and the daemon is a program that a machine may lack.
  watchman: false,
};
