#!/usr/bin/env node
/**
 * Guards for C, C++ and assembly, which neither eslint nor prettier reads:
 * `node scripts/check-c.mjs [--write]`. clang-format would change nothing (with --write it does);
 * no line has more than 100 columns; every source compiles without a warning. What has compiled is
 * remembered in node_modules/.cache, by all that goes into it.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { clangFormatPath } from 'clang-format-node';

const root = join(import.meta.dirname, '..');
const COLUMNS = 100;
const CACHE = join(root, 'node_modules/.cache/check-c.json');

/** What a source is compiled with beside the common flags; each list is one way that tests use. */
const WAYS = {
  'bench/soak/patch.c': [['-DN=1'], ['-DN=1', '-DLEAK']],
  'test-targets/alignments/library.c': [['-DPADDING="80"']],
  'test-targets/dying/patch.c': [['-DBEGINS=NOT', '-DENDS=NOT']],
  'test-targets/entries/slow-patch.c': [['-DFIFO="fifo"']],
  'test-targets/random/library.cc': [['-DLETTER=a_', '-DNUMBER=0']],
  'test-targets/random/patch.cc': [['-DVERSION=1']],
  'test-targets/random/views.cc': [[], ['-DMIXED']],
  'test-targets/slots/library.c': [[], ['-DCONSTRUCTOR']],
  'test-targets/stacked/patch.c': [['-DN=1']],
  'test-targets/stepping/patch.c': [['-DNUMBER=1']],
  'test-targets/stepping/process.cc': [['-D_Static_assert=static_assert']],
  'test-targets/tls/block.c': [['-DTLS_BYTES=64']],
  'test-targets/tls/patch.c': [['-DTLS_BYTES=64']],
  'test-targets/tls/program.c': [['-DTLS_BYTES=64']],
};
/** Need the headers of a library that is built from source: their tests compile them, -Werror. */
const BY_THEIR_TESTS = [
  'test-targets/demo/qname.c',
  'test-targets/libpng/program.c',
  'test-targets/libxml2/program.c',
];
const PLUGIN = 'toolchain-patches/plugin/ulp_plugin.cc';

/** The sources of the repository, also those that are not committed yet. */
function sourcesOf(...patterns) {
  const options = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', [...options, ...patterns], { cwd: root, encoding: 'utf8' });
  const names = new Set(listed.split('\0').filter((name) => name !== ''));
  return [...names].filter((name) => existsSync(join(root, name)));
}

const read = (name) => readFileSync(join(root, name), 'utf8');

/** @returns complaints, of which clang-format has printed its own */
function formatted(sources) {
  const { status } = spawnSync(
    clangFormatPath,
    [...(process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror']), ...sources],
    { cwd: root, stdio: 'inherit' },
  );
  return status === 0 ? [] : ['npm run format mends what clang-format says'];
}

const tooWide = (name) =>
  read(name)
    .split('\n')
    .map((line, i) => ({ columns: [...line].length, where: `${name}:${i + 1}` }))
    .filter(({ columns }) => columns > COLUMNS)
    .map((l) => `${l.where}: expected at most ${COLUMNS} columns, found ${l.columns}`);

/** The compiler and its arguments for each way to compile a source. */
function commandsOf(name) {
  const common = ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];
  const include = ['-Iruntime/build', '-Itest-targets/harness'];
  if (name === PLUGIN) {
    const folder = execFileSync('gcc-12', ['-print-file-name=plugin'], { encoding: 'utf8' }).trim();
    const headers = join(folder, 'include');
    if (!existsSync(headers)) throw new Error(`${name}: install gcc-12-plugin-dev`);
    const flags = ['-std=c++14', '-fno-rtti', '-fsyntax-only', '-isystem', headers];
    return [['g++-12', ...common, ...flags, name]];
  }
  const isCpp = name.endsWith('.cc');
  const own = name.startsWith('runtime/') ? ['-std=gnu11', '-D_GNU_SOURCE'] : [];
  const what = name.endsWith('.S') ? ['-c', '-o', '/dev/null'] : ['-fsyntax-only'];
  return (WAYS[name] ?? [[]]).map((way) => [
    isCpp ? 'g++' : 'gcc',
    ...[...common, ...own, ...include, ...what, ...way, name],
  ]);
}

const digest = (...parts) => createHash('sha256').update(parts.join('\0')).digest('hex');

/** @returns what the compilers complain about */
async function compiled(sources) {
  execFileSync('node', [join(root, 'scripts/generate-abi.mjs')], { stdio: 'inherit' });
  const version = execFileSync('gcc', ['--version'], { encoding: 'utf8' });
  const headers = [...sourcesOf('*.h'), 'runtime/build/ulp_abi.h'].map(read);
  const surroundings = digest(version, ...headers);
  const before = new Set(existsSync(CACHE) ? JSON.parse(readFileSync(CACHE, 'utf8')) : []);
  const fine = [];
  const complaints = [];
  const queue = sources.flatMap((name) =>
    commandsOf(name).map((command) => ({
      command,
      key: digest(surroundings, read(name), ...command),
    })),
  );
  const worker = async () => {
    for (let job; (job = queue.shift());) {
      const [compiler, ...args] = job.command;
      try {
        if (!before.has(job.key)) await promisify(execFile)(compiler, args, { cwd: root });
        fine.push(job.key);
      } catch (error) {
        complaints.push(error.stderr || error.message);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  mkdirSync(dirname(CACHE), { recursive: true });
  writeFileSync(CACHE, JSON.stringify(fine));
  return complaints;
}

const sources = sourcesOf('*.c', '*.cc', '*.S');
const complaints = [
  ...formatted([...sources, ...sourcesOf('*.h')].filter((name) => !name.endsWith('.S'))),
  ...[...sources, ...sourcesOf('*.h')].flatMap(tooWide),
  ...(await compiled(sources.filter((name) => !BY_THEIR_TESTS.includes(name)))),
];
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
