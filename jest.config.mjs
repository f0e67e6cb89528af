/** One configuration for the whole repository and, with --rootDir, for a single package. */
export default {
  testMatch: ['**/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  transform: { '\\.ts$': ['ts-jest', { tsconfig: `${import.meta.dirname}/tsconfig.test.json` }] },
  testTimeout: 120_000,
};
