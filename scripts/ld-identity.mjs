#!/usr/bin/env node
/**
 * Not asked for live patching, the patched ld writes what ld writes without the series:
 * `node scripts/ld-identity.mjs [LIBRARY...]` builds real libraries of Debian's sources, repeats
 * the link of each in several ways with the patched ld, with one of the same source without the
 * series, and with Debian's own, and compares the files byte by byte. Exit codes: 0 the same; 1
 * not; 2 usage, or a missing package.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianSource } from './debian-source.mjs';
import { root } from './prepare.mjs';
import { MAKE, REAL, run } from './real-library.mjs';
import { alone, FOLDER, toolchainPrefix } from './toolchain.mjs';
import { requirePackages } from './toolchain/packages.mjs';
import { TOOLS } from './toolchain/tools.mjs';
import { build } from './toolchain/workshop.mjs';

const ROOM = join(REAL, 'identity');

/** Configured as Debian's packages are, where that shows in the link: symbol versions. */
const LIBRARIES = {
  zlib: { package: 'zlib', configure: ['--shared'], make: 'all' },
  libpng: { package: 'libpng1.6', make: 'libpng16.la' },
  libxml2: {
    package: 'libxml2',
    configure: ['--without-python', '--without-lzma', '--without-zlib', '--without-icu'],
    make: 'libxml2.la',
  },
  sqlite3: {
    package: 'sqlite3',
    configure: ['--disable-tcl', '--disable-readline'],
    make: 'libsqlite3.la',
  },
};

const TRM = join(root, 'runtime/dist/trm.o');

/** More words for the linker, and those that only the patched one is given. */
const WAYS = {
  'as the package links it': [[]],
  '-z now': [['-z', 'now']],
  '-z relro -z now --build-id': [['-z', 'relro', '-z', 'now', '--build-id']],
  '--gc-sections': [['--gc-sections']],
  '-Bsymbolic-functions': [['-Bsymbolic-functions']],
  '-z pack-relative-relocs': [['-z', 'pack-relative-relocs']],
  '--hash-style=both -z ibt': [['--hash-style=both', '-z', 'ibt']],
  '--emit-relocs': [['--emit-relocs']],
  '-s': [['-s']],
  'with trm.o; -z noulp': [[TRM], ['-z', 'noulp']],
};

/** The three, by name; the first is what the others are compared with. */
async function linkers() {
  const patches = join(root, 'toolchain-patches');
  const shop = { build: FOLDER, prefix: toolchainPrefix(), patches };
  await build(TOOLS.ld, shop);
  const unpatched = join(root, 'build/unpatched');
  await build({ ...TOOLS.ld, series: undefined }, { ...shop, build: unpatched, prefix: unpatched });
  return {
    unpatched: join(unpatched, 'bin/ld'),
    patched: join(shop.prefix, 'bin/ld'),
    "Debian's": '/usr/bin/ld',
  };
}

/** Stands before ld: notes the words of the last link of a shared library, and where it was. */
function recorder(folder) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const record = join(folder, 'link');
  const lines = [
    '#!/bin/sh',
    `case " $* " in *' -shared '*) printf '%s\\0' "$PWD" "$@" > '${record}' ;; esac`,
    'exec /usr/bin/ld "$@"',
  ];
  writeFileSync(join(bin, 'ld'), `${lines.join('\n')}\n`, { mode: 0o755 });
  return { bin, record };
}

/** @returns words of the link, and the folder it is done in; the objects are there */
function builtOnce(name) {
  const library = LIBRARIES[name];
  const folder = join(ROOM, name);
  const tree = join(folder, 'tree');
  const { bin, record } = recorder(folder);
  if (!existsSync(join(folder, 'done'))) {
    rmSync(tree, { recursive: true, force: true });
    run(root, 'cp', '-a', debianSource(library.package, join(REAL, 'source')), tree);
    const env = { ...process.env, CC: `gcc -B${bin}`, CFLAGS: '-O2 -g', LDFLAGS: '-Wl,-z,relro' };
    const quiet = { cwd: tree, env, stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 28 };
    execFileSync('./configure', library.configure ?? ['--disable-static'], quiet);
    execFileSync('make', [...MAKE, library.make], quiet);
    writeFileSync(join(folder, 'done'), '');
  }
  const [cwd, ...words] = readFileSync(record, 'utf8').split('\0').slice(0, -1);
  return { cwd, words, folder };
}

function link(ld, { cwd, words, folder }, added) {
  const out = join(folder, 'out.so');
  const own = [...words];
  own[own.indexOf('-o') + 1] = out;
  execFileSync(ld, [...own, ...added], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  return readFileSync(out);
}

/** @returns a row of the table: the bytes of the first, and what the others made of it */
function compare(lds, built, [all, patchedOnly = []]) {
  const made = Object.entries(lds).map(([name, ld]) =>
    link(ld, built, name === 'patched' ? [...all, ...patchedOnly] : all),
  );
  const digest = createHash('sha256').update(made[0]).digest('hex').slice(0, 12);
  const same = made.slice(1).map((bytes) => (bytes.equals(made[0]) ? 'the same' : '**differs**'));
  return [made[0].length, digest, ...same];
}

requirePackages('ld-identity', ['gcc', 'make', 'tcl', 'zlib1g-dev', ...TOOLS.ld.packages]);
const wanted = process.argv.slice(2);
const strange = wanted.filter((name) => !(name in LIBRARIES));
if (strange.length > 0) {
  console.error(`ld-identity: ${strange[0]}: expected ${Object.keys(LIBRARIES).join(', ')}`);
  process.exit(2);
}
alone();
const lds = await linkers();
const [, ...others] = Object.keys(lds);
console.log(`| library | linked | bytes | sha256 | ${others.join(' | ')} |`);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const name of Object.keys(LIBRARIES).filter(
  (n) => wanted.length === 0 || wanted.includes(n),
)) {
  const built = builtOnce(name);
  for (const [way, words] of Object.entries(WAYS)) {
    const row = compare(lds, built, words);
    if (row.includes('**differs**')) process.exitCode = 1;
    console.log(`| ${[name, way, ...row].join(' | ')} |`);
  }
}
