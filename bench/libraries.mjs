/**
 * Plain and live-patchable shared libraries from one source, and patches for them, for the
 * benchmarks of calls.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, room, tool } from './lib.mjs';

const shared = (name) => ['-shared', '-fPIC', `-Wl,-soname,${name}.so`];
const flags = (what) => tool('ulp-runtime', what).split(' ');

/** A program that is linked with these libraries. */
export const program = (name, source, libraries, ...more) =>
  compile(name, source, ...libraries, ...more, '-pthread', `-Wl,-rpath,${room}`);

/** bench/build/<name>.so from bench/<source>, whose symbols begin with `prefix`. */
export const plainLibrary = (name, source, prefix, ...more) =>
  compile(`${name}.so`, source, ...shared(name), `-DNAME=${prefix}`, ...more);

/** The same, live-patchable. */
export function liveLibrary(name, source, prefix, ...more) {
  const path = plainLibrary(name, source, prefix, ...flags('cflags'), ...more, ...flags('ldflags'));
  tool('ulp-dynsym-gate', path);
  return path;
}

/**
 * A patch that replaces functions of libraries.
 * @param replacements for each library: [path, [[old, new], ...]]
 * @returns path of the metadata
 */
export function patch(name, source, replacements) {
  const so = plainLibrary(name, source, name, '-Wl,--build-id');
  const description = join(room, `${name}.dsc`);
  const lines = replacements.flatMap(([library, pairs]) => [
    `@${library}`,
    ...pairs.map((pair) => pair.join(':')),
  ]);
  writeFileSync(description, [so, ...lines, ''].join('\n'));
  const metadata = join(room, `${name}.ulp`);
  tool('ulp-packer', description, '-o', metadata);
  return metadata;
}
