/**
 * Compiles and links what a cell of the matrix needs. What does not depend on the cell is made
 * once.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runBeside } from '../harness/programs.cjs';

const SOURCES = import.meta.dirname;
const BIN = join(SOURCES, '../../node_modules/.bin');
export const LIBRARY = 'libmatrix.so';

const WARNINGS = ['-Wall', '-Wextra', '-Werror'];

/** Runs a command to its end. @throws with what it said */
async function run(command, args, options = {}) {
  const { status, signal, stdout, stderr } = await runBeside(command, args, options);
  if (status === 0) return stdout;
  const [said] = (stderr.trim() || `ended with ${signal ?? status}`).split('\n');
  throw new Error(`${command.split('/').pop()}: ${said}`);
}

export const tool = (name, ...args) => run(join(BIN, name), args.map(String));

/** Done once; who asks again gets the same promise. */
function once(work) {
  const done = new Map();
  return (key, ...args) => {
    if (!done.has(key)) done.set(key, work(key, ...args));
    return done.get(key);
  };
}

const compile = (source, object, ...args) =>
  run(source.endsWith('.cc') ? 'g++' : 'gcc', [
    ...['-O2', '-g', '-fexceptions', ...WARNINGS, ...args],
    ...['-c', join(SOURCES, source), '-o', object],
  ]);

/** Programs: position-independent, and not. */
export const PROGRAMS = { pie: ['-fPIE', '-pie'], fixed: ['-fno-pic', '-no-pie'] };

const programObjects = once(async (key, room, mode) => {
  const objects = ['program.c', 'classes.cc'].map((source) => [
    source,
    join(room, `${mode}-${source}.o`),
  ]);
  await Promise.all(objects.map(([source, object]) => compile(source, object, PROGRAMS[mode][0])));
  return objects.map(([, object]) => object);
});

/** Linked against the library in `folder`. */
export async function buildProgram(room, folder, mode) {
  const objects = await programObjects(`${room} ${mode}`, room, mode);
  const out = join(folder, mode);
  const link = [PROGRAMS[mode][1], ...objects, join(folder, LIBRARY), `-Wl,-rpath,${folder}`];
  await run('g++', [...link, '-o', out]);
  return out;
}

const patchLibrary = once(async (room) => {
  const objects = ['patch.c', 'patch.cc'].map((source) => [source, join(room, `${source}.o`)]);
  await Promise.all(objects.map(([source, object]) => compile(source, object, '-fPIC')));
  const out = join(room, 'patch.so');
  const link = ['-shared', '-Wl,--build-id', ...objects.map(([, object]) => object)];
  await run('g++', [...link, '-o', out]);
  return out;
});

/** What -flive-patching=inline-clone switches off, for gcc does not take it beside -flto. */
const LIVE_PATCHING = '-flive-patching=inline-clone';
const SWITCHED_OFF = [
  ...['pta', 'reference', 'ra', 'icf', 'icf-functions', 'icf-variables', 'bit-cp', 'vrp'],
  ...['pure-const', 'reference-addressable', 'stack-alignment', 'modref'],
].map((pass) => `-fno-ipa-${pass}`);

/** The library of one row in `folder`; without a toolchain, as anybody would build it. */
export async function buildLibrary(folder, { compile: more = [], link = [], lto }, toolchain) {
  mkdirSync(folder, { recursive: true });
  const library = join(folder, LIBRARY);
  const cflags = (toolchain?.cflags ?? []).flatMap((flag) =>
    lto && flag === LIVE_PATCHING ? SWITCHED_OFF : [flag],
  );
  const flags = ['-fPIC', ...cflags, ...more];
  const objects = ['library.c', 'library.cc'].map((source) => [
    source,
    join(folder, `${source}.o`),
  ]);
  await Promise.all(objects.map(([source, object]) => compile(source, object, ...flags)));
  await run('g++', [
    ...['-shared', '-O2', ...flags, ...objects.map(([, object]) => object)],
    ...(toolchain?.ldflags ?? ['-Wl,--build-id']),
    ...link.map((flag) => flag.replace('SOURCES', SOURCES)),
    ...[`-Wl,-soname,${LIBRARY}`, '-o', library],
  ]);
  if (toolchain?.gate) await tool('ulp-dynsym-gate', library);
  return library;
}

export async function afterwards(library, { then = [] }) {
  for (const [command, ...args] of then)
    await run(
      command,
      args.map((arg) => arg.replace('LIBRARY', library)),
    );
}

const PAIRS = [
  ...['default', 'weak', 'protected', 'hidden', 'internal', 'cold', 'versioned'].map((name) => [
    `f_${name}`,
    `new_${name}`,
  ]),
  ['f_ifunc_chosen', 'new_ifunc_chosen'],
  ['f_many', 'new_many'],
  ...['call_back', 'nested', 'set_record', 'pointer_to', 'from_table'].map((name) => [
    name,
    `new_${name}`,
  ]),
  ['_ZN5Shape4areaEi', 'new_shape_area'],
  ['_ZN5Shape5labelEi', 'new_shape_label'],
  ['_ZN6Square4areaEi', 'new_square_area'],
  ['_Z11make_squarei', 'new_make_square'],
  ['_Z12throw_numberi', 'new_throw_number'],
  ['_Z12catch_numberPFiiEi', 'new_catch_number'],
];

/**
 * Exported under these names, and not replaced under them: an alias, and what the loader calls to
 * choose.
 */
const OTHERWISE = new Set(['f_alias', 'f_ifunc', '_init', '_fini']);

/**
 * Metadata of a patch that replaces every function of the library. @throws when it exports one more
 */
export async function pack(room, folder, library) {
  const exported = (await run('nm', ['-D', '--defined-only', library]))
    .split('\n')
    .map((line) => /^\w+ [TWi] (\S+)$/.exec(line)?.[1])
    .filter((name) => name !== undefined);
  const versioned = exported.includes('f_versioned@V1');
  const pairs = versioned ? [...PAIRS, ['f_versioned@V1', 'new_version_1']] : PAIRS;
  const replaced = new Set(pairs.map(([name]) => name));
  const left = exported
    .map((name) => name.replace(/@@.*/, '').replace(/@V1$/, (v) => (versioned ? v : '')))
    .filter((name) => !replaced.has(name) && !OTHERWISE.has(name));
  if (left.length > 0) throw new Error(`exported, and not in the patch: ${left.join(', ')}`);
  const description = join(folder, 'patch.dsc');
  const lines = pairs.map((pair) => pair.join(':'));
  writeFileSync(description, [await patchLibrary(room), `@${library}`, ...lines, ''].join('\n'));
  await tool('ulp-packer', description);
  return join(folder, 'patch.ulp');
}
