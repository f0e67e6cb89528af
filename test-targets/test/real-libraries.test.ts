/** Debian's own fixes of real holes, applied as live patches to real libraries, which pass their own tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { preload, TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';

interface RealLibrary {
  readonly tree: string;
  readonly folder: string;
  readonly library: string;
  readonly ungated: string;
  readonly headers: readonly string[];
  readonly metadata: string;
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
