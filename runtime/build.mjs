#!/usr/bin/env node
/**
 * Builds dist/libpulp.so and dist/trm.o with the stock gcc; compiles only what is older than its
 * sources.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const source = join(here, 'src');
const objects = join(here, 'build');
const out = join(here, 'dist');
const FLAGS = [
  ...['-std=gnu11', '-D_GNU_SOURCE', '-O2', '-fPIC', '-fvisibility=hidden'],
  ...['-fno-stack-protector', '-fno-omit-frame-pointer', '-fexceptions'],
  ...['-Wall', '-Wextra', '-Werror', `-I${objects}`],
  // The same bytes wherever it is built.
  `-ffile-prefix-map=${here}=.`,
];

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = readdirSync(source).filter((name) => /\.[cS]$/.test(name));
const newestHeader = Math.max(
  modified(join(objects, 'ulp_abi.h')),
  modified(join(here, 'build.mjs')),
  ...readdirSync(source)
    .filter((name) => name.endsWith('.h'))
    .map((name) => modified(join(source, name))),
);
if (modified(join(objects, 'ulp_abi.h')) === 0)
  throw new Error('build/ulp_abi.h is missing: run scripts/generate-abi.mjs first');

const gcc = (...args) => execFileSync(process.env.CC ?? 'gcc', args, { stdio: 'inherit' });

function compile(name, object) {
  const input = join(source, name);
  if (modified(object) >= Math.max(modified(input), newestHeader)) return;
  // No lines for assembly: a debugger's `step` then goes through it, back into the caller.
  // And no relaxation of loads from the GOT: see trm.S.
  const debug = name.endsWith('.S') ? ['-Wa,-mrelax-relocations=no'] : ['-g1'];
  gcc(...FLAGS, ...debug, '-c', input, '-o', object);
}

mkdirSync(objects, { recursive: true });
mkdirSync(out, { recursive: true });
// Last what is large and little touched, so that the rest shares few pages: tables, and a megabyte
// of slots.
const LARGE = ['patches.c', 'request.c', 'slots.S'];
const parts = sources
  .filter((name) => name !== 'trm.S')
  .sort((a, b) => LARGE.indexOf(a) - LARGE.indexOf(b))
  .map((name) => {
    const object = join(objects, `${name}.o`);
    compile(name, object);
    return object;
  });
const library = join(out, 'libpulp.so');
if (modified(library) < Math.max(...parts.map(modified))) {
  gcc(
    '-shared',
    '-o',
    library,
    ...parts,
    '-Wl,-soname,libpulp.so',
    '-Wl,-z,now',
    '-Wl,-z,nodelete',
    '-Wl,--build-id',
    '-Wl,--no-undefined',
    '-Wl,--no-as-needed',
    '-lgcc_s',
  );
  // In .symtab alone, which the loader does not read: see slots.S.
  execFileSync('objcopy', ['--globalize-symbol=__ulp_return_slot', library], { stdio: 'inherit' });
}
compile('trm.S', join(out, 'trm.o'));
// Shipped with the package, for who builds a toolchain.
const patches = join(here, '../toolchain-patches');
if (existsSync(patches)) {
  rmSync(join(out, 'toolchain-patches'), { recursive: true, force: true });
  cpSync(patches, join(out, 'toolchain-patches'), { recursive: true });
}
