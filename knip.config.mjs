/**
 * Which files are programs of their own; all else must be used by them, and so must dependencies
 * and exports. `npm run check:unused` says what is not.
 */
const package_ = {
  entry: ['test/*.test.ts'],
  project: ['{src,test,scripts}/**/*.{ts,mjs}'],
};
/** With bins, which scripts/bundle.mjs makes of them. */
const withBins = { ...package_, entry: ['src/cli/*.ts', 'test/*.test.ts'] };

export default {
  // Programs of Debian are listed in scripts/debian-packages.txt; this one is in a source tree.
  exclude: ['binaries'],
  ignoreUnresolved: ['./configure'],
  workspaces: {
    '.': {
      entry: ['scripts/*.{mjs,cjs}', 'bench/*.mjs', 'bench/soak/tool.mjs'],
      project: ['{scripts,bench}/**/*.{mjs,cjs}'],
    },
    'packages/core': package_,
    'packages/cli': package_,
    'packages/*': withBins,
    'packages/ptrace-ffi': { ...withBins, entry: [...withBins.entry, 'scripts/*.mjs'] },
    // Tests run tools of their own as processes.
    'packages/trigger': { ...withBins, entry: [...withBins.entry, 'test/*.mjs'] },
    runtime: withBins,
    'test-targets': {
      entry: ['test/*.test.ts', '{harness,toolchain}/*.{mjs,cjs}'],
      project: ['**/*.{ts,mjs,cjs}'],
    },
  },
};
