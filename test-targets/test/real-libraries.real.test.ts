/**
 * Debian's own fixes of real holes, applied as live patches to real libraries, which pass their own
 * tests.
 */
import { once } from 'node:events';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { preload, TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';
import { outputBeside, outputOf, runProgram, startProgram } from '../harness/programs.cjs';
import { LONG_MS, inTime } from '../harness/wait.cjs';

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
function build(name: string): RealLibrary {
  const command = join(TARGETS, '../scripts/real-library.mjs');
  const args = [command, name, process.env.ULP_TEST_TOOLCHAIN ?? 'stock'];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  return JSON.parse(
    outputOf(process.execPath, args, { encoding: 'utf8', stdio: [...stdio], timeout: LONG_MS }),
  ) as RealLibrary;
}

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

/** `make check`, with libpulp.so in every process that it starts. */
function ownTests({ tree }: RealLibrary): string {
  const { stdout, stderr } = runProgram('make', [...MAKE, 'check'], {
    cwd: tree,
    env: { ...process.env, LD_PRELOAD: preload() },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: LONG_MS,
  });
  return stdout + stderr;
}

const tally = (output: string, pattern: RegExp): string[] =>
  [...output.matchAll(pattern)].map(([line]) => line);

test(
  'libpng passes its own tests, gated and with libpulp.so',
  () => {
    const png = real('libpng');
    install(png, png.library);
    const expected = ['# TOTAL: 32', '# PASS:  32', '# FAIL:  0'];
    expect(tally(ownTests(png), /^# (TOTAL|PASS|FAIL): .*$/gm)).toEqual(expected);
  },
  10 * MINUTES,
);

type Program = readonly [name: string, ...args: string[]];

/**
 * What a program of the library's own tests says of them, and how it ended.
 * @param meanwhile done while it runs
 */
async function answerOf(
  { tree }: RealLibrary,
  [name, ...args]: Program,
  env: NodeJS.ProcessEnv,
  meanwhile?: (pid: number) => Promise<void>,
): Promise<string> {
  const libs = join(tree, '.libs');
  const child = startProgram(join(libs, name), args, {
    cwd: tree,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LD_LIBRARY_PATH: libs, ...env },
  });
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  const said = { output: '', errors: '' };
  child.stdout.setEncoding('latin1').on('data', (text: string) => (said.output += text));
  child.stderr.setEncoding('latin1').on('data', (text: string) => (said.errors += text));
  try {
    if (child.pid !== undefined) await meanwhile?.(child.pid);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const bound = { ms: LONG_MS, ...(child.pid === undefined ? {} : { pid: child.pid }) };
  const [status, signal] = await inTime(`the end of ${name}`, ended, bound);
  const lines = tally(
    [said.output, said.errors].join(''),
    /^.*(\d+ (tests|errors)|PASS|FAIL|error:).*$/gm,
  );
  return [`ended with ${status ?? signal}`, ...lines].join('\n');
}

/** How often each program is run at least. */
const ROUNDS = Number(process.env.ULP_TEST_ROUNDS ?? 1);
/** How long a patch stays, and stays away, in milliseconds. */
const PERIOD = 100;
const ENOUGH = 10;

/** @returns how often the patch came and went before the process ended */
async function flap(pid: number, patch: string): Promise<number> {
  const args = [join(TARGETS, 'harness/flap.mjs'), String(pid), patch, 'every', String(PERIOD)];
  return Number(await outputBeside(process.execPath, args, { timeout: LONG_MS }));
}

/**
 * Programs of the libraries' own tests, and what they say as linked. libpng leaves itself by
 * longjmp and calls back; libxml2 calls back for each element, and has threads. One test of runtest
 * fails in Debian's tree.
 */
const PROGRAMS: Readonly<Record<string, readonly (readonly [Program, RegExp])[]>> = {
  libpng: [
    [['pngvalid', '--strict', '--standard'], /^ended with 0\nPASS/],
    [['pngvalid', '--strict', '--progressive-read', '--size'], /^ended with 0\nPASS/],
    [['pngvalid', '--strict', '--transform'], /^ended with 0\nPASS/],
  ],
  libxml2: [
    [['runtest'], /^ended with 1\n[^]*\d\d\d tests, 1 errors/],
    [['testapi'], /^ended with 0\n[^]* 0 errors/],
    [['testThreads'], /^ended with 0/],
    [['testdict'], /^ended with 0/],
    [['testchar'], /^ended with 0/],
    [['testrecurse'], /^ended with 0\n[^]* no errors/],
  ],
};

test.each(Object.entries(PROGRAMS))(
  '%s gives the same answers to its own tests gated, and while a patch of it comes and goes',
  async (library, programs) => {
    const at = real(library);
    const names = [...new Set(programs.map(([[name]]) => name))];
    outputOf('make', [...MAKE, ...names], { cwd: at.tree, stdio: 'ignore', timeout: LONG_MS });
    const calls = join(at.tree, 'calls');
    rmSync(calls, { force: true });
    install(at, at.ungated);
    const linked: [Program, string][] = [];
    for (const [program, says] of programs) {
      const answer = await answerOf(at, program, {});
      expect(answer).toMatch(says);
      linked.push([program, answer]);
    }
    install(at, at.library);
    const env = { LD_PRELOAD: preload(), ULP_TEST_CALLS: calls };
    for (const [program, answer] of linked)
      expect([program, await answerOf(at, program, env)]).toEqual([program, answer]);
    let pairs = 0;
    for (let round = 0; round < ROUNDS || pairs < ENOUGH; round++)
      for (const [program, answer] of linked) {
        const flapped = await answerOf(at, program, env, async (pid) => {
          pairs += await flap(pid, at.repetition);
        });
        expect([program, flapped]).toEqual([program, answer]);
      }
    const entered = readFileSync(calls, 'utf8').trim().split('\n').map(Number).filter(Boolean);
    process.stdout.write(
      `${library}: came and went ${pairs} times, was called in ${entered.length} lives\n`,
    );
    expect(entered.length).toBeGreaterThanOrEqual(ENOUGH);
  },
  (10 + 2 * ROUNDS) * MINUTES,
);
