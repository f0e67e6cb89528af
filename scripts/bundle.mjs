#!/usr/bin/env node
/**
 * Bundles the bins of the package in the current directory: src/cli/<bin>.ts exports `command`; it
 * becomes dist/bin/<bin>.bundle.js, one file, and that file compiled; <bin>.js loads it
 * (scripts/loader.cjs). Start-up is what an operator waits for. And dist/man/<bin>.1. A bin is left
 * as it is when nothing has changed that it was made of.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { CACHE, Stamp, stateOf } from './state.mjs';

const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const require = createRequire(join(folder, 'package.json'));
const OUT = join(folder, 'dist/bin');
const MAN = join(folder, 'dist/man');
/** What makes the bundles. */
const MAKERS = ['bundle', 'code-cache', 'assert-when-needed']
  .map((name) => join(import.meta.dirname, `${name}.mjs`))
  .concat(join(import.meta.dirname, 'loader.cjs'), join(folder, 'package.json'));

/** V8's flags in the first line of a bin: what is compiled for others is not taken. */
const flagsOf = (path) =>
  /^#!.* node (.*)$/m.exec(readFileSync(path, 'utf8').split('\n')[0])?.[1].split(' ') ?? [];

/** One file from the compiled command and all that it imports. @returns the files that went in */
async function bundle(compiled, outfile) {
  const { build } = await import('esbuild');
  const { assertWhenNeeded } = await import('./assert-when-needed.mjs');
  const { metafile } = await build({
    stdin: {
      contents: `import { main } from '@ulp/cli';\nimport { command } from ${JSON.stringify(compiled)};\nvoid main(command, ${JSON.stringify(manifest.version)});\n`,
      resolveDir: folder,
    },
    outfile,
    bundle: true,
    metafile: true,
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
  return Object.keys(metafile.inputs)
    .map((path) => resolve(folder, path))
    .filter((path) => existsSync(path));
}

async function make(name, bin) {
  const compiled = join(folder, 'dist/cli', `${name}.js`);
  const page = join(MAN, `${name}.1`);
  const cache = `${name}.${process.version}.cache`;
  const made = [`${name}.bundle.js`, `${name}.js`, cache].map((file) => join(OUT, file));
  const stamp = new Stamp(join(CACHE, 'bundles', `${name}.json`));
  const last = stamp.read();
  const stateWith = (inputs) => stateOf([...MAKERS, join(folder, bin), ...inputs]);
  if (
    last &&
    [...made, page].every((file) => existsSync(file)) &&
    last.state === stateWith(last.inputs)
  )
    return;
  // Nothing stays that was compiled from another bundle.
  for (const file of existsSync(OUT) ? readdirSync(OUT) : [])
    if (file.startsWith(`${name}.`)) rmSync(join(OUT, file));
  const inputs = await bundle(compiled, made[0]);
  const compiler = join(import.meta.dirname, 'code-cache.mjs');
  const flags = flagsOf(join(folder, bin));
  execFileSync(process.execPath, [...flags, compiler, made[0], join(OUT, cache)]);
  copyFileSync(join(import.meta.dirname, 'loader.cjs'), made[1]);
  const { manPage } = require('@ulp/cli');
  mkdirSync(MAN, { recursive: true });
  writeFileSync(page, manPage(require(compiled).command, manifest.version));
  stamp.write({ inputs, state: stateWith(inputs) });
}

for (const [name, bin] of Object.entries(manifest.bin ?? {})) await make(name, bin);
