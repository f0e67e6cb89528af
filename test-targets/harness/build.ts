/** Compiles the programs, libraries and patches of a scenario. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runTool } from './tools';

export const TARGETS = join(__dirname, '..');
const source = (name: string): string => join(TARGETS, name);
const compiler = (name: string): string => (/\.(cc|cpp)$/.test(name) ? 'g++' : 'gcc');
const WARNINGS = ['-Wall', '-Wextra', '-Werror', `-I${join(TARGETS, 'harness')}`];

function compile(name: string, ...args: string[]): void {
  execFileSync(compiler(name), ['-O2', '-g', ...WARNINGS, source(name), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** A folder with another libpulp.so and trm.o to test: scripts/mutations.mjs. */
const OTHER = process.env.ULP_TEST_RUNTIME;

/**
 * With what libraries are built: options of ulp-runtime. `npm run toolchain` builds all but the
 * stock one.
 */
const TOOLCHAINS = JSON.parse(readFileSync(join(__dirname, 'toolchains.json'), 'utf8')) as Readonly<
  Record<string, { cflags: string[]; ldflags: string[]; gate: boolean }>
>;

function toolchain(): (typeof TOOLCHAINS)[string] {
  const name = process.env.ULP_TEST_TOOLCHAIN ?? 'stock';
  const found = TOOLCHAINS[name];
  if (!found) throw new Error(`ULP_TEST_TOOLCHAIN is ${name}`);
  return found;
}

/** The plugin and the patched gcc align entries to 8; the machine's gcc does not. */
export const entriesAreAligned = (): boolean => toolchain().cflags.length > 0;

/** By ulp-dynsym-gate, behind the machine's ld; else by the patched ld. */
export const isGated = (): boolean => toolchain().gate;

function flags(what: 'cflags' | 'ldflags'): string[] {
  const { status, stdout, stderr } = runTool('ulp-runtime', [what, ...toolchain()[what]]);
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split(' ')
    .map((flag) => (OTHER && flag.endsWith('/trm.o') ? join(OTHER, 'trm.o') : flag));
}

export const preload = (): string =>
  OTHER ? join(OTHER, 'libpulp.so') : runTool('ulp-runtime', ['path', 'libpulp.so']).stdout.trim();

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

/** A live-patchable library in `room`; gives its path. */
export function buildLibrary(
  room: string,
  name: string,
  file: string,
  { ungated = false, plain = false, cflags, trm, args = [] }: LibraryOptions = {},
): string {
  const out = join(room, file);
  const ld = flags('ldflags').map((flag) => (trm && flag.endsWith('/trm.o') ? trm : flag));
  const raw = ungated && !isGated() ? ['-Wl,-z,noulp'] : [];
  const live = plain ? [] : [...(cflags ?? flags('cflags')), ...ld, ...raw];
  compile(name, '-shared', '-fPIC', `-Wl,-soname,${file}`, '-o', out, ...live, ...args);
  if (!plain && !ungated) {
    const { status, stderr } = runTool('ulp-dynsym-gate', [out]);
    if (status !== 0) throw new Error(stderr);
  }
  return out;
}

export function buildProgram(
  room: string,
  name: string,
  libraries: readonly string[],
  args: readonly string[] = [],
): string {
  const out = join(room, `program-${basename(name).replace(/\W/g, '-')}`);
  compile(name, ...args, '-o', out, ...libraries, `-Wl,-rpath,${room}`, '-pthread');
  return out;
}

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
  compile(source_, '-shared', '-fPIC', '-Wl,--build-id', '-o', out, ...args);
  const description = join(room, `${file}.dsc`);
  const lines = [out, ...replacements.flatMap(([library, pairs]) => [`@${library}`, ...pairs])];
  writeFileSync(description, `! built by the test suite\n${lines.join('\n')}\n`);
  const metadata = join(room, `${file}.ulp`);
  const more = depends.length > 0 ? ['--depends', ...depends] : [];
  const { status, stderr } = runTool('ulp-packer', [description, '-o', metadata, ...more]);
  if (status !== 0) throw new Error(stderr);
  return metadata;
}
