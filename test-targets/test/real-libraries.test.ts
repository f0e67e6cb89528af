/** Debian's own fixes of real holes, applied as live patches to real libraries, which pass their own tests. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { preload, TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';

interface RealLibrary {
  readonly tree: string;
  readonly folder: string;
  readonly library: string;
  readonly ungated: string;
  readonly headers: readonly string[];
  readonly metadata: string;
  /** Metadata of a patch that changes nothing. */
  readonly repetition: string;
}

const MINUTES = 60_000;
const build = (name: string): RealLibrary =>
  JSON.parse(
    execFileSync(process.execPath, [join(TARGETS, '../scripts/real-library.mjs'), name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  ) as RealLibrary;

const built = new Map<string, RealLibrary>();
const real = (name: string): RealLibrary => {
  const known = built.get(name) ?? build(name);
  built.set(name, known);
  return known;
};
beforeAll(() => {
  real('libpng');
  real('libxml2');
}, 10 * MINUTES);

const programArgs = ({ headers, folder }: RealLibrary): string[] => [
  ...headers.map((header) => `-I${header}`),
  `-Wl,-rpath,${folder}`,
];

scenario('libpng: the fix of CVE-2026-25646 closes the hole in a running server', async (s) => {
  const png = real('libpng');
  const program = s.program('libpng/program.c', [png.library], programArgs(png));
  const target = await s.start(program);
  const harmless = await target.ask('1 8');
  expect(harmless).toMatch(/^[0-9a-f]{8}$/);
  expect(await target.ask('1 2')).toBe('crashed');

  s.apply(target, png.metadata);
  expect(await target.ask('1 2')).toMatch(/^[0-9a-f]{8}$/);
  expect(await target.ask('1 8')).toBe(harmless);
  expect(s.isApplied(target, png.metadata)).toBe(true);

  s.revert(target, png.metadata);
  expect(await target.ask('1 2')).toBe('crashed');
  expect(await target.ask('1 8')).toBe(harmless);
  expect(target.maps()).not.toContain('png_set_quantize.so');
});

scenario('libxml2: the fix of CVE-2025-6021 closes the hole in a running server', async (s) => {
  const xml = real('libxml2');
  const program = s.program('libxml2/program.c', [xml.library], programArgs(xml));
  const target = await s.start(program);
  expect(await target.ask('64 svg path')).toBe('svg:path');
  expect(await target.ask('-1 svg path')).toBe('svg:path');

  s.apply(target, xml.metadata);
  expect(await target.ask('-1 svg path')).toBe('NULL');
  expect(await target.ask('64 svg path')).toBe('svg:path');

  s.revert(target, xml.metadata);
  expect(await target.ask('-1 svg path')).toBe('svg:path');
  expect(target.maps()).not.toContain('xmlBuildQName.so');
});

/** Puts one form of the library where the tree's own programs look for it. */
function install({ tree }: RealLibrary, file: string): void {
  copyFileSync(file, join(tree, '.libs', basename(file)));
}

const MAKE = ['-s', '-j2', 'ACLOCAL=:', 'AUTOCONF=:', 'AUTOMAKE=:', 'AUTOHEADER=:'];

/** `make check`, with libpulp.so in every process that it starts or without. */
function ownTests({ tree }: RealLibrary, loaded: boolean): string {
  const env = { ...process.env, ...(loaded ? { LD_PRELOAD: preload() } : {}) };
  const { stdout, stderr } = spawnSync('make', [...MAKE, 'check'], {
    cwd: tree,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return stdout + stderr;
}

const tally = (output: string, pattern: RegExp): string[] =>
  [...output.matchAll(pattern)].map(([line]) => line);

test(
  'libpng passes its own tests, as linked, gated, and gated with libpulp.so',
  () => {
    const png = real('libpng');
    const expected = ['# TOTAL: 32', '# PASS:  32', '# FAIL:  0'];
    for (const [file, loaded] of [
      [png.ungated, false],
      [png.library, true],
    ] as const) {
      install(png, file);
      const output = ownTests(png, loaded);
      expect(tally(output, /^# (TOTAL|PASS|FAIL): .*$/gm)).toEqual(expected);
    }
  },
  10 * MINUTES,
);

test(
  'libxml2 gives the same answers to its own tests gated with libpulp.so as it did as linked',
  () => {
    const xml = real('libxml2');
    const run = (file: string, loaded: boolean): Record<string, string[]> => {
      install(xml, file);
      const env = { ...process.env, ...(loaded ? { LD_PRELOAD: preload() } : {}) };
      const programs = ['runtest', 'testapi', 'testchar', 'testdict', 'testrecurse'];
      execFileSync('make', [...MAKE, ...programs], { cwd: xml.tree, stdio: 'ignore' });
      return Object.fromEntries(
        programs.map((name) => {
          const { stdout, stderr, signal } = spawnSync(join(xml.tree, name), [], {
            cwd: xml.tree,
            env,
            encoding: 'utf8',
            maxBuffer: 1 << 28,
          });
          return [name, [String(signal), ...tally(stdout + stderr, /^.*\d+ (tests|errors).*$/gm)]];
        }),
      );
    };
    const linked = run(xml.ungated, false);
    expect(run(xml.library, true)).toEqual(linked);
    expect(linked['testapi']?.join()).toMatch(/0 errors/);
    expect(Object.values(linked).map(([signal]) => signal)).toEqual(Array(5).fill('null'));
  },
  10 * MINUTES,
);

interface Flapped {
  /** What a run says of its tests, and how it ended. */
  readonly answer: readonly string[];
  /** How often the patch came and went meanwhile. */
  readonly pairs: number;
}

/** How often each program is run. */
const ROUNDS = Number(process.env.ULP_TEST_ROUNDS ?? 2);
/** How long a patch stays, and stays away, in milliseconds. */
const PERIOD = 100;

/** A program of the library's own tests, while a patch that changes nothing comes and goes. */
async function flapped(
  { tree, repetition }: RealLibrary,
  [name, ...args]: readonly string[],
  calls: string,
): Promise<Flapped> {
  const child = spawn(join(tree, '.libs', name as string), args, {
    cwd: tree,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(tree, '.libs'),
      LD_PRELOAD: preload(),
      ULP_TEST_CALLS: calls,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('latin1').on('data', (text: string) => (said += text));
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  const flap = [join(TARGETS, 'harness/flap.mjs'), String(child.pid), repetition];
  const { stdout } = await promisify(execFile)('node', [...flap, 'every', String(PERIOD)]);
  const [status, signal] = await ended;
  return { answer: answerOf(said, status, signal), pairs: Number(stdout) };
}

const answerOf = (said: string, status: number | null, signal: string | null): string[] => [
  `${status} ${signal}`,
  ...tally(said, /^.*(\d+ (tests|errors)|PASS|FAIL|error:).*$/gm),
];

function asLinked({ tree }: RealLibrary, [name, ...args]: readonly string[]): string[] {
  const { stdout, stderr, status, signal } = spawnSync(join(tree, '.libs', name as string), args, {
    cwd: tree,
    env: { ...process.env, LD_LIBRARY_PATH: join(tree, '.libs') },
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  return answerOf(stdout + stderr, status, signal);
}

/** Exceptions, callbacks, threads: libpng leaves itself by longjmp, libxml2 calls back for each element. */
const PROGRAMS = {
  libpng: [
    ['pngvalid', '--strict', '--standard'],
    ['pngvalid', '--strict', '--progressive-read', '--size'],
    ['pngvalid', '--strict', '--transform'],
  ],
  libxml2: [['runtest'], ['testapi'], ['testThreads'], ['testdict'], ['testchar'], ['testrecurse']],
} as const;

test.each(Object.entries(PROGRAMS))(
  '%s passes its own tests while a patch of it comes and goes',
  async (library, programs) => {
    const at = real(library);
    const names = [...new Set(programs.map(([name]) => name))];
    execFileSync('make', [...MAKE, ...names], { cwd: at.tree, stdio: 'ignore' });
    const calls = join(at.tree, 'calls');
    rmSync(calls, { force: true });
    let pairs = 0;
    for (const program of programs) {
      install(at, at.ungated);
      const expected = asLinked(at, program);
      expect(expected[0]).toMatch(/ null$/); // one test of runtest fails in Debian's tree
      install(at, at.library);
      for (let round = 0; round < ROUNDS; round++) {
        const run = await flapped(at, program, calls);
        expect([program, run.answer]).toEqual([program, expected]);
        pairs += run.pairs;
      }
    }
    const counts = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
    const entered = counts.filter((count) => Number(count) > 0).length;
    process.stdout.write(`${library}: ${pairs} pairs, in ${entered} of which it was called\n`);
    expect(pairs).toBeGreaterThan(9);
    expect(entered).toBeGreaterThan(9);
  },
  (5 + 2 * ROUNDS) * MINUTES,
);
