'use strict';
/**
 * dist/bin/NAME.js of every package: runs NAME.bundle.js, which is there compiled as well, for the
 * Node.js that built it, in NAME.VERSION.cache. V8 looks whether that fits its version, its flags
 * and the source, and else compiles the source. Another Node.js, from 22 on, keeps what it has
 * compiled beside the bundle, where it may write there: never in a folder that somebody else could
 * have made, as its default is.
 */
const { readFileSync } = require('node:fs');

const bundle = `${__filename.slice(0, -'.js'.length)}.bundle.js`;

function compiled() {
  try {
    return readFileSync(`${__filename.slice(0, -'.js'.length)}.${process.version}.cache`);
  } catch {
    return undefined;
  }
}

const cachedData = compiled();
if (cachedData) {
  const { Script } = require('node:vm');
  // The same words as in scripts/code-cache.mjs.
  const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(bundle, 'utf8')}\n})`;
  const script = new Script(source, { filename: bundle, cachedData });
  script.runInThisContext()(exports, require, module, bundle, __dirname);
} else {
  require('node:module').enableCompileCache?.(`${__dirname}/compiled`);
  require(bundle);
}
