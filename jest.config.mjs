/** One configuration for the whole repository and, with --rootDir, for a single package. */
const here = import.meta.dirname;

export default {
  testMatch: ['**/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/build/'],
  modulePathIgnorePatterns: ['/build/'],
  transform: { '\\.ts$': ['ts-jest', { tsconfig: `${here}/tsconfig.test.json` }] },
  reporters: ['default', `${here}/scripts/jest-tally.mjs`],
  testTimeout: 120_000,
  // Tests start processes that want a core each.
  maxWorkers: 2,
};
