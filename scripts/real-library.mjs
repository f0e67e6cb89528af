#!/usr/bin/env node
/**
 * Builds a real library live-patchable from Debian's source, as it was before one of Debian's own
 * fixes, and the fix as a live patch. `node scripts/real-library.mjs libpng|libxml2 [TOOLCHAIN]`
 * prints where things lie (JSON); toolchains: scripts/toolchains.mjs. Everything lands in
 * test-targets/build/real and is kept; a second run only looks.
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
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianSource } from './debian-source.mjs';
import { root } from './prepare.mjs';
import { TOOLCHAINS, toolchain } from './toolchains.mjs';

export const REAL = join(root, 'test-targets/build/real');

export const LIBRARIES = {
  libpng: {
    package: 'libpng1.6',
    fix: 'CVE-2026-25646.patch',
    file: 'pngrtran.c',
    fixed: 'png_set_quantize',
    make: 'libpng16.la',
    soname: 'libpng16.so.16',
    configure: [],
    headers: ['.'],
    repeated: ['pngerror.c', 'pngmem.c', 'pngget.c'],
  },
  libxml2: {
    package: 'libxml2',
    fix: 'CVE-2025-6021.patch',
    file: 'tree.c',
    fixed: 'xmlBuildQName',
    make: 'libxml2.la',
    soname: 'libxml2.so.2',
    configure: ['--without-python', '--without-lzma', '--without-zlib', '--without-icu'],
    headers: ['include', '.'],
    repeated: ['xmlstring.c', 'list.c'],
  },
};

const QUIET = { stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 28 };
export const run = (cwd, command, ...args) => execFileSync(command, args, { ...QUIET, cwd });
export const flags = (what) =>
  execFileSync(join(root, 'node_modules/.bin/ulp-runtime'), [what], { encoding: 'utf8' }).trim();
/** Generated files of the tarball are good as they are, whatever their times say. */
export const MAKE = [
  '-s',
  `-j${availableParallelism()}`,
  'ACLOCAL=:',
  'AUTOCONF=:',
  'AUTOMAKE=:',
  'AUTOHEADER=:',
];

/** The tree, configured and built with these flags. */
function buildTree(library, folder, { cflags = '', ldflags = '', cc = 'gcc' }) {
  const settings = [`CC=${cc}`, `CFLAGS=-O2 -g ${cflags}`];
  run(folder, './configure', '-q', '--disable-static', ...library.configure, ...settings);
  run(folder, 'make', ...MAKE, library.make, ...(ldflags === '' ? [] : [`LDFLAGS=${ldflags}`]));
}

function copyTree(source, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  run(root, 'cp', '-a', source, folder);
}

/** Where a tree with the vulnerable library keeps the fixed file. */
const fixedFile = ({ file }) => `fixed-${file}`;

/** The library as it was before the fix, live-patchable. */
function buildVulnerable(library, source, folder, { cflags, ldflags }) {
  copyTree(source, folder);
  copyFileSync(join(folder, library.file), join(folder, fixedFile(library)));
  run(folder, 'patch', '-R', '-p1', '-i', join('debian/patches', library.fix));
  // libtool does not pass -B on to the link.
  const where = ldflags.filter((word) => word.startsWith('-B'));
  buildTree(library, folder, {
    cflags: cflags.join(' '),
    ldflags: [...ldflags.filter((word) => !where.includes(word)), '-Wl,--build-id'].join(' '),
    cc: ['gcc', ...where].join(' '),
  });
}

/** Files that a toolchain's flags name: the plugin, and what lies where -B leads. */
const filesOf = (words) =>
  words.flatMap((word) => {
    const [, folder, plugin] = /^-B(.+)|^-fplugin=(.+)/.exec(word) ?? [];
    if (folder) return readdirSync(folder).map((file) => join(folder, file));
    return plugin ? [plugin] : [];
  });

/** The one function of the fixed file, under another name, with what static code it needs. */
function buildPatch(library, { tree, library: shared, patch: out }) {
  const object = `${out}.o`;
  const script = `${out}.map`;
  const name = `fixed_${library.fixed}`;
  const include = library.headers.map((folder) => `-I${join(tree, folder)}`);
  run(
    tree,
    'gcc',
    '-O2',
    '-g',
    '-fPIC',
    '-ffunction-sections',
    '-DHAVE_CONFIG_H',
    `-D${library.fixed}=${name}`,
    ...include,
    '-c',
    fixedFile(library),
    '-o',
    object,
  );
  writeFileSync(script, `{ global: ${name}; local: *; };\n`);
  // What the library exports comes from the library itself; what it keeps for itself, from a copy
  // of its code.
  const archive = `${out}.a`;
  rmSync(archive, { force: true });
  run(join(tree, '.libs'), 'sh', '-c', `ar rcs ${archive} *.o`);
  run(
    tree,
    'gcc',
    '-shared',
    '-o',
    out,
    object,
    shared,
    archive,
    '-Wl,--gc-sections',
    `-Wl,--version-script=${script}`,
    '-Wl,--build-id',
  );
}

const symbols = (...args) =>
  execFileSync('nm', ['--defined-only', '-j', ...args], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.replace(/@.*/, ''))
    .filter((name) => name !== '');

/**
 * A patch that changes nothing: whole files of the library, whose exported functions get another
 * name and count their calls. @returns pairs for the description
 */
function buildRepetition(library, at, out) {
  const include = library.headers.map((folder) => `-I${join(at.tree, folder)}`);
  const exported = new Set(symbols('-D', at.ungated));
  const compile = (source, object, ...args) =>
    run(at.tree, 'gcc', '-O2', '-g', '-fPIC', ...args, '-c', source, '-o', object);
  const objects = library.repeated.map((source) => `${out}.${source}.o`);
  const names = library.repeated.flatMap((source, i) => {
    compile(source, objects[i], '-finstrument-functions', '-DHAVE_CONFIG_H', ...include);
    const found = symbols('-g', objects[i]).filter((name) => exported.has(name));
    const renamed = found.flatMap((name) => ['--redefine-sym', `${name}=same_${name}`]);
    run(at.tree, 'objcopy', ...renamed, objects[i]);
    return found;
  });
  const counter = `${out}.count.o`;
  compile(join(root, 'test-targets/real/count-calls.c'), counter, '-Wall', '-Wextra', '-Werror');
  const script = `${out}.map`;
  writeFileSync(script, '{ global: same_*; local: *; };\n');
  run(
    at.tree,
    'gcc',
    ...['-shared', '-o', out, ...objects, counter, at.library, `${at.patch}.a`],
    ...['-Wl,--gc-sections', `-Wl,--version-script=${script}`, '-Wl,--build-id'],
  );
  return names.map((name) => `${name}:same_${name}`);
}

/**
 * @param {'libpng' | 'libxml2'} name
 * @param {string} kind one of TOOLCHAINS
 * @returns where the gated library, its folders, the patch and its metadata lie
 */
export function realLibrary(name, kind = 'stock') {
  const library = LIBRARIES[name];
  const tools = toolchain(kind);
  if (tools.missing) throw new Error(tools.missing);
  const folder = join(REAL, kind === 'stock' ? name : `${name}-${kind}`);
  mkdirSync(folder, { recursive: true });
  const at = {
    /** Built as it was before the fix, and gated; the folder holds it under its soname. */
    tree: join(folder, 'vulnerable'),
    folder: join(folder, 'lib'),
    library: join(folder, 'lib', library.soname),
    /** The same as it was linked; the patched ld has gated it already. */
    ungated: join(folder, 'ungated', library.soname),
    headers: library.headers.map((header) => join(folder, 'vulnerable', header)),
    patch: join(folder, `${library.fixed}.so`),
    description: join(folder, `${library.fixed}.dsc`),
    metadata: join(folder, `${library.fixed}.ulp`),
    /** Of a patch that changes nothing; it adds how often it was called to $ULP_TEST_CALLS. */
    repetition: join(folder, 'same.ulp'),
    old: library.fixed,
    new: `fixed_${library.fixed}`,
  };
  // Built anew when the runtime, the gate or this script changed.
  const inputs = [
    'runtime/dist/trm.o',
    'packages/elf/dist/bin/ulp-dynsym-gate.js',
    'scripts/real-library.mjs',
    'test-targets/real/count-calls.c',
    ...filesOf([...tools.cflags, ...tools.ldflags]),
  ];
  const stamp = join(folder, 'stamp');
  const sums = execFileSync('sha256sum', inputs, { cwd: root, encoding: 'utf8' });
  const state = JSON.stringify(tools) + sums;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return at;
  const source = debianSource(library.package, join(REAL, 'source'));
  buildVulnerable(library, source, at.tree, tools);
  for (const out of [at.library, at.ungated]) {
    mkdirSync(join(out, '..'), { recursive: true });
    copyFileSync(join(at.tree, '.libs', library.soname), out);
  }
  if (tools.gate) run(root, join(root, 'node_modules/.bin/ulp-dynsym-gate'), at.library);
  buildPatch(library, at);
  writeFileSync(at.description, `${at.patch}\n@${at.library}\n${at.old}:${at.new}\n`);
  run(root, join(root, 'node_modules/.bin/ulp-packer'), at.description, '-o', at.metadata);
  const same = join(folder, 'same.so');
  const pairs = buildRepetition(library, at, same);
  writeFileSync(join(folder, 'same.dsc'), `${[same, `@${at.library}`, ...pairs].join('\n')}\n`);
  run(root, join(root, 'node_modules/.bin/ulp-packer'), join(folder, 'same.dsc'));
  writeFileSync(stamp, state);
  return at;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, kind = 'stock'] = process.argv.slice(2);
  if (!(name in LIBRARIES) || !TOOLCHAINS.includes(kind)) {
    const [libraries, kinds] = [Object.keys(LIBRARIES), TOOLCHAINS].map((list) => list.join('|'));
    console.error(`usage: real-library.mjs ${libraries} [${kinds}]`);
    process.exit(2);
  }
  console.log(JSON.stringify(realLibrary(name, kind)));
}
