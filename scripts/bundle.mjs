#!/usr/bin/env node
/**
 * Bundles the bins of the package in the current directory: src/cli/<bin>.ts exports `command`; it
 * becomes dist/bin/<bin>.bundle.js, one file, and that file compiled; <bin>.js loads it
 * (scripts/loader.cjs). Start-up is what an operator waits for. And dist/man/<bin>.1.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { assertWhenNeeded } from './assert-when-needed.mjs';

const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const require = createRequire(join(folder, 'package.json'));
const { manPage } = require('@ulp/cli');

/** V8's flags in the first line of a bin: what is compiled for others is not taken. */
const flagsOf = (path) =>
  /^#!.* node (.*)$/m.exec(readFileSync(path, 'utf8').split('\n')[0])?.[1].split(' ') ?? [];

// Nothing stays that was compiled from another bundle.
rmSync(join(folder, 'dist/bin'), { recursive: true, force: true });
for (const [name, bin] of Object.entries(manifest.bin ?? {})) {
  const compiled = join(folder, 'dist/cli', `${name}.js`);
  const out = join(folder, 'dist/bin');
  const bundle = join(out, `${name}.bundle.js`);
  await build({
    stdin: {
      contents: `import { main } from '@ulp/cli';\nimport { command } from ${JSON.stringify(compiled)};\nvoid main(command, ${JSON.stringify(manifest.version)});\n`,
      resolveDir: folder,
    },
    outfile: bundle,
    bundle: true,
    minify: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node20',
    // Stay outside: they load native code or WebAssembly that lies in their own package, or are a
    // program of their own, and only some runs need it.
    external: ['@ulp/ptrace-ffi/libc', '@ulp/ptrace-ffi/ask-sockets', '@ulp/runtime', 'iced-x86'],
    plugins: [assertWhenNeeded],
    // yargs asks as soon as it is loaded, though it is told a width; the answer loads Node's
    // streams and sockets.
    define: { 'process.stdout.columns': 'undefined' },
    logLevel: 'warning',
  });
  const compiler = join(import.meta.dirname, 'code-cache.mjs');
  const cache = join(out, `${name}.${process.version}.cache`);
  execFileSync(process.execPath, [...flagsOf(join(folder, bin)), compiler, bundle, cache]);
  copyFileSync(join(import.meta.dirname, 'loader.cjs'), join(out, `${name}.js`));
  const page = manPage(require(compiled).command, manifest.version);
  mkdirSync(join(folder, 'dist/man'), { recursive: true });
  writeFileSync(join(folder, 'dist/man', `${name}.1`), page);
}
