/**
 * An esbuild plugin: yargs and ffi-napi load node:assert, and with it a part of Node.js that
 * nothing else needs. In a bundle an assertion that holds passes by itself, and one that does not
 * loads it, to fail as it would.
 */
const SOURCE = `
  const assert = (ok, ...more) => { if (!ok) require('node:assert')(ok, ...more); };
  const same = (name, holds) =>
    (assert[name] = (a, b, ...more) => { if (!holds(a, b)) require('node:assert')[name](a, b, ...more); });
  same('equal', (a, b) => a == b || (a !== a && b !== b));
  same('strictEqual', Object.is);
  same('notStrictEqual', (a, b) => !Object.is(a, b));
  module.exports = assert;`;

export const assertWhenNeeded = {
  name: 'assert-when-needed',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?assert$/ }, ({ namespace }) =>
      namespace === 'needed'
        ? { path: 'node:assert', external: true }
        : { path: 'assert', namespace: 'needed' },
    );
    onLoad({ filter: /.*/, namespace: 'needed' }, () => ({ contents: SOURCE }));
  },
};
