/** Compiles the programs, libraries and patches of a scenario. */
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  cflags,
  ldflags,
  pluginCflags,
  runtimePath,
  toolchainCflags,
  toolchainLdflags,
} from '@ulp/runtime';
import { pack } from '@ulp/packer';
import { build } from './cache';
import { outputOf } from './programs.cjs';
import { runTool } from './tools';
import TOOLCHAINS from './toolchains.json';

export const TARGETS = join(__dirname, '..');
const source = (name: string): string => join(TARGETS, name);
const isCxx = (name: string): boolean => /\.(cc|cpp)$/.test(name);
const isSource = (arg: string): boolean => /\.(c|cc|cpp|S)$/.test(arg);
const WARNINGS = ['-Wall', '-Wextra', '-Werror', `-I${join(TARGETS, 'harness')}`];
const OPTIONS = ['-O2', '-g', ...WARNINGS];

/** A folder with another libpulp.so and trm.o to test: scripts/mutations.mjs. */
const OTHER = process.env.ULP_TEST_RUNTIME;

interface Toolchain {
  /** Options of ulp-runtime. */
  readonly cflags: readonly string[];
  readonly ldflags: readonly string[];
  readonly gate: boolean;
}

/** With what libraries are built. `npm run toolchain` builds all but the stock one. */
function toolchain(): Toolchain {
  const name = process.env.ULP_TEST_TOOLCHAIN ?? 'stock';
  const found = (TOOLCHAINS as Readonly<Record<string, Toolchain>>)[name];
  if (!found) throw new Error(`ULP_TEST_TOOLCHAIN is ${name}`);
  return found;
}

/** The plugin and the patched gcc align entries to 8; the machine's gcc does not. */
export const entriesAreAligned = (): boolean => toolchain().cflags.length > 0;

/** By ulp-dynsym-gate, behind the machine's ld; else by the patched ld. */
export const isGated = (): boolean => toolchain().gate;

function compilation(): readonly string[] {
  const options = toolchain().cflags;
  if (options.includes('--plugin')) return pluginCflags();
  return options.includes('--toolchain') ? toolchainCflags() : cflags;
}

/** @param trm linked in instead of the real one */
function linking(trm = OTHER && join(OTHER, 'trm.o')): readonly string[] {
  const flags = toolchain().ldflags.includes('--toolchain') ? toolchainLdflags() : ldflags();
  return flags.map((flag) => (trm && flag.endsWith('/trm.o') ? trm : flag));
}

export const preload = (): string =>
  OTHER ? join(OTHER, 'libpulp.so') : runtimePath('libpulp.so');

export interface LibraryOptions {
  /** Leave it as the machine's linker would make it. */
  readonly ungated?: boolean;
  /** Compiled and linked as anybody would. */
  readonly plain?: boolean;
  /** Instead of those of `ulp-runtime cflags`. */
  readonly cflags?: readonly string[];
  /** Linked in instead of the real one. */
  readonly trm?: string;
  readonly args?: readonly string[];
}

/** What decides how it works on a library. */
const GATE_CODE = join(TARGETS, '../packages/elf/dist/bin/ulp-dynsym-gate.bundle.js');

function gate(library: string): void {
  const { status, stderr } = runTool('ulp-dynsym-gate', [library]);
  if (status !== 0) throw new Error(stderr);
}

/** A live-patchable library in `room`; gives its path. */
export function buildLibrary(
  room: string,
  name: string,
  file: string,
  { ungated = false, plain = false, cflags: own, trm, args = [] }: LibraryOptions = {},
): string {
  const out = join(room, file);
  const raw = ungated && !isGated() ? ['-Wl,-z,noulp'] : [];
  const live = plain ? [] : [...(own ?? compilation()), ...linking(trm), ...raw];
  const shape = ['-shared', '-fPIC', `-Wl,-soname,${file}`];
  build(out, {
    compiler: isCxx(name) ? 'g++' : 'gcc',
    args: [...OPTIONS, source(name), ...shape, ...live, ...args],
    scratch: room,
    ...(plain || ungated ? {} : { finish: gate, tools: [GATE_CODE] }),
  });
  return out;
}

/**
 * A program in `room`, linked with these libraries there; gives its path. Its objects are shared
 * with other tests. It is linked anew, because it holds the way to its libraries as an absolute
 * path: a set-user-id program takes no other.
 */
export function buildProgram(
  room: string,
  name: string,
  libraries: readonly string[],
  args: readonly string[] = [],
): string {
  const out = join(room, `program-${basename(name).replace(/\W/g, '-')}`);
  const link = args.filter((arg) => !isSource(arg));
  const options = link.filter((arg) => !/^-(l|L|Wl,)|\.(so|o|a)(\.\d+)*$/.test(arg));
  const objects = [source(name), ...args.filter(isSource)].map((file, i) => {
    const object = `${out}.${i}.o`;
    build(object, {
      compiler: isCxx(file) ? 'g++' : 'gcc',
      args: [...OPTIONS, '-pthread', ...options, '-c', file],
      scratch: room,
    });
    return object;
  });
  const linked = [...objects, ...link, '-o', out, ...libraries, `-Wl,-rpath,${room}`, '-pthread'];
  outputOf(isCxx(name) ? 'g++' : 'gcc', linked);
  objects.forEach((object) => rmSync(object));
  return out;
}

/**
 * For gcc: a build-id that no other library has. Tests of what concerns all processes want one,
 * because tests beside them have the same libraries out of the cache.
 */
export const ownBuildId = (): string => `-Wl,--build-id=0x${randomBytes(20).toString('hex')}`;

/** `old:new` pairs by library. */
export type Replacements = readonly (readonly [library: string, pairs: readonly string[]])[];

/** A patch .so, its description and its metadata; gives the path of the metadata. */
export function buildPatch(
  room: string,
  source_: string,
  file: string,
  replacements: Replacements,
  { args = [], depends = [] }: { args?: readonly string[]; depends?: readonly string[] } = {},
): string {
  const out = join(room, `${file}.so`);
  build(out, {
    compiler: isCxx(source_) ? 'g++' : 'gcc',
    args: [...OPTIONS, source(source_), '-shared', '-fPIC', '-Wl,--build-id', ...args],
    scratch: room,
  });
  const description = join(room, `${file}.dsc`);
  const lines = [out, ...replacements.flatMap(([library, pairs]) => [`@${library}`, ...pairs])];
  writeFileSync(description, `! built by the test suite\n${lines.join('\n')}\n`);
  const metadata = join(room, `${file}.ulp`);
  writeFileSync(metadata, pack(description, depends).bytes);
  return metadata;
}
