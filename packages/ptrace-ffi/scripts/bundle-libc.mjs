#!/usr/bin/env node
/**
 * Makes dist/libc.js self-contained: ffi-napi and what it needs go into it, their prebuilt bindings
 * into dist/native. So production hosts need neither a compiler nor an install script. Both
 * bindings are built against Node-API: one file serves every Node.js from 20 on. Only linux-x64,
 * like all of ULP.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { assertWhenNeeded } from '../../../scripts/assert-when-needed.mjs';

const folder = dirname(import.meta.dirname);
const native = join(folder, 'dist/native');
const require = createRequire(join(folder, 'package.json'));
const packageFolder = (name, from = require) => dirname(from.resolve(`${name}/package.json`));
const ffi = packageFolder('ffi-napi');
const fromFfi = createRequire(join(ffi, 'package.json'));

const BINDINGS = {
  'ffi-napi': join(ffi, 'prebuilds/linux-x64/node.napi.uv1.node'),
  'ref-napi': join(packageFolder('ref-napi'), 'prebuilds/linux-x64/node.napi.node'),
};

/** `node-gyp-build` looks for a binding in the package that asks; here the answer is known. */
const bindings = {
  name: 'bindings',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node-gyp-build$/ }, ({ importer }) => {
      const name = Object.keys(BINDINGS).find((n) => importer.includes(`/${n}/`));
      return { path: name, namespace: 'binding' };
    });
    onLoad({ filter: /.*/, namespace: 'binding' }, ({ path }) => ({
      contents: `module.exports = () => require(__dirname + '/native/${path}.node');`,
    }));
    // Logging of the two packages' inner life, switched by an environment variable: not ours to
    // offer.
    onResolve({ filter: /^debug$/ }, () => ({ path: 'debug', namespace: 'silent' }));
    onLoad({ filter: /.*/, namespace: 'silent' }, () => ({
      contents: 'module.exports = () => () => undefined;',
    }));
  },
};

await build({
  entryPoints: [join(folder, 'src/libc.ts')],
  outfile: join(folder, 'dist/libc.js'),
  bundle: true,
  minify: true,
  legalComments: 'none',
  platform: 'node',
  target: 'node20',
  plugins: [bindings, assertWhenNeeded],
  logLevel: 'warning',
});

mkdirSync(native, { recursive: true });
for (const [name, file] of Object.entries(BINDINGS)) {
  const out = join(native, `${name}.node`);
  // Never in place: a process that has the old one mapped would crash.
  rmSync(out, { force: true });
  copyFileSync(file, out);
}

const licence = (name, path) => {
  const file = ['LICENSE', 'LICENSE.md'].map((f) => join(path, f)).find(existsSync);
  return `${name}\n\n${readFileSync(file, 'utf8').trim()}\n`;
};
writeFileSync(
  join(native, 'LICENSES.txt'),
  [
    licence('ffi-napi (in ../libc.js and ffi-napi.node)', ffi),
    licence('libffi (in ffi-napi.node)', join(ffi, 'deps/libffi')),
    licence('ref-napi (in ../libc.js and ref-napi.node)', packageFolder('ref-napi')),
    licence('ref-struct-di (in ../libc.js)', packageFolder('ref-struct-di', fromFfi)),
    licence('node-addon-api (in both bindings)', packageFolder('node-addon-api', fromFfi)),
    licence(
      'get-uv-event-loop-napi-h (in ffi-napi.node)',
      packageFolder('get-uv-event-loop-napi-h', fromFfi),
    ),
    licence(
      'get-symbol-from-current-process-h (in both bindings)',
      packageFolder('get-symbol-from-current-process-h', fromFfi),
    ),
  ].join(`\n${'-'.repeat(80)}\n\n`),
);
