/**
 * With `--require` in NODE_OPTIONS: writes what a command has loaded to the file ULP_TEST_LOADED,
 * when it ends.
 */
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const vm = require('node:vm');

const compiled = [];
vm.Script = class extends vm.Script {
  constructor(...args) {
    super(...args);
    compiled.push(this.cachedDataRejected === false);
  }
};

process.on('exit', () => {
  const native = readFileSync('/proc/self/maps', 'utf8').match(/\/\S+\.node$/gm) ?? [];
  const files = Object.keys(require.cache);
  const builtin = process.moduleLoadList.flatMap(
    (name) => /^NativeModule ([a-z]+)$/.exec(name)?.[1] ?? [],
  );
  writeFileSync(process.env.ULP_TEST_LOADED, JSON.stringify({ compiled, native, files, builtin }));
});
