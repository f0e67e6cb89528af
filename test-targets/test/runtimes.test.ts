/**
 * Every combination of runtime and library that does not fit: handled, or refused with one line;
 * nobody crashes.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { abi } from '@ulp/core';
import { buildLibrary, preload } from '../harness/build';
import { runAll, expectAll } from '../harness/cases';
import { buildRuntime } from '../harness/runtime';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';
import { prepareWays } from '../harness/ways';

const OTHER_ABI = 77;
const matching = (fact: RegExp): unknown => expect.stringMatching(fact);
const VERSIONS = `expected ABI version ${abi.ABI_VERSION}, found ${OTHER_ABI}`;
const PAIRS = ['loaded_value:new_loaded_value'];

const program = (s: Scenario): string => s.program('runtimes/program.c', []);
/**
 * Another build than that of loading.test.ts beside this test: the dispatcher patches every process
 * that has it.
 */
const ownLibrary = (s: Scenario): string => s.library('loading/library.c', 'libodd.so');
const patchOf = (s: Scenario, library: string): string =>
  s.patch('loading/patch.c', 'fix', [[library, PAIRS]]);

/** Every tool says so, in one line, and nothing changes. */
async function expectRefused(target: Target, patch: string, fact: RegExp): Promise<void> {
  const { pid } = target;
  const before = target.maps();
  for (const [tool, ...args] of [
    ['ulp-trigger', pid, patch],
    ['ulp-trigger', pid, patch, '--dry-run'],
    ['ulp-dispatcher', 'patch', patch, pid, '--dry-run'],
    ['ulp-dispatcher', 'patch', patch, pid],
  ] as const) {
    const { status, stdout, stderr } = runTool(tool, args);
    expect({ tool, status, stdout }).toEqual({ tool, status: 3, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^${tool}: process ${pid}: .*\\n$`));
    expect(stderr).toMatch(fact);
  }
  const checked = runTool('ulp-check', [pid, patch, '--threads']);
  if (checked.status === 1) expect(checked.stdout).toMatch(/: not applied\n/);
  else expect(checked).toEqual({ status: 3, stdout: '', stderr: matching(fact) });
  const everywhere = runTool('ulp-dispatcher', ['patch', patch]);
  expect(everywhere.status).toBe(1);
  expect(everywhere.stdout).toMatch(new RegExp(`^${pid} .* failed .*${fact.source}`, 'm'));
  expect(target.maps()).toBe(before);
  expect(await target.ask('value')).toBe('1');
}

scenario('libpulp.so of another ABI version', async (s) => {
  const other = buildRuntime(join(s.room, 'runtime'), OTHER_ABI);
  const library = ownLibrary(s);
  const target = await s.start(program(s), { env: { LD_PRELOAD: other.library } });
  expect(await target.ask(`local ${library}`)).toBe('loaded');
  const fact = new RegExp(`libpulp\\.so has another ABI version: ${VERSIONS}`);
  await expectRefused(target, patchOf(s, library), fact);
  const { status, stderr } = runTool('ulp-inspect', [target.pid]);
  expect({ status, stderr }).toMatchObject({ status: 3, stderr: matching(fact) });
});

/**
 * What ulp-dynsym-gate refuses: a library with trm.o of another version, gated as if it were of
 * ours.
 */
function foreignLibrary(s: Scenario, trm: string): string {
  const path = buildLibrary(s.room, 'loading/library.c', 'libforeign.so', { ungated: true, trm });
  const refused = runTool('ulp-dynsym-gate', [path]);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(
    `expected trm.o of ABI version ${abi.ABI_VERSION}, found ${OTHER_ABI}\n`,
  );
  const bytes = readFileSync(path);
  const note = bytes.indexOf(Buffer.from('ULP\0M\0\0\0', 'latin1')) + 4;
  expect(bytes.readUInt32LE(note)).toBe(OTHER_ABI);
  bytes.writeUInt32LE(abi.ABI_VERSION, note);
  writeFileSync(path, bytes);
  expect(runTool('ulp-dynsym-gate', [path]).stderr).toBe('');
  const gated = readFileSync(path);
  const patch = patchOf(s, path);
  gated.writeUInt32LE(OTHER_ABI, note);
  writeFileSync(path, gated);
  return patch;
}

scenario('a library of another ABI version', async (s) => {
  const other = buildRuntime(join(s.room, 'runtime'), OTHER_ABI);
  const patch = foreignLibrary(s, other.trm);
  const target = await s.start(program(s));
  expect(await target.ask(`local ${join(s.room, 'libforeign.so')}`)).toBe('loaded');
  const fact = new RegExp(`libforeign\\.so: .*another ABI version: ${VERSIONS}`);
  await expectRefused(target, patch, fact);
  const { stdout } = runTool('ulp-inspect', [target.pid, '--json']);
  const { processes } = JSON.parse(stdout) as { processes: [{ libraries: unknown[] }] };
  const [{ libraries }] = processes;
  expect(libraries).toMatchObject([{ abi: OTHER_ABI, bound: false }]);
  const shown = runTool('ulp-inspect', [target.pid]).stdout;
  expect(shown).toMatch(
    new RegExp(`/libforeign\\.so .* ABI version ${OTHER_ABI}, not ${abi.ABI_VERSION}$`, 'm'),
  );
});

scenario('two of them, of one version or of two: every way works through both', async (s) => {
  const other = buildRuntime(join(s.room, 'runtime'), OTHER_ABI);
  const copy = join(s.room, 'copy.so');
  copyFileSync(preload(), copy);
  const ways = prepareWays(s);
  for (const both of [
    [preload(), copy],
    [preload(), other.library],
    [other.library, preload()],
  ]) {
    const target = await s.start(ways.program, { env: { LD_PRELOAD: both.join(' ') } });
    expectAll(await runAll(target), '1>1');
    s.apply(target, ways.patch);
    expectAll(await runAll(target), '2>2');
    s.revert(target, ways.patch);
    expectAll(await runAll(target), '1>1');
    expect(target.maps()).not.toContain('fix.so');
  }
});

scenario('loaded by dlopen, before and after the library', async (s) => {
  const library = ownLibrary(s);
  const patch = patchOf(s, library);
  const run = program(s);
  for (const [lines, fact] of [
    [[`local ${library}`], /libpulp\.so is not loaded/],
    [
      [`global ${preload()}`, `local ${library}`],
      /libc comes before it in the lookup order, .*: preload it when the process starts/,
    ],
    [[`local ${library}`, `global ${preload()}`], /not bound to this libpulp\.so/],
    [[`local ${preload()}`, `local ${library}`], /not bound to this libpulp\.so/],
  ] as const) {
    const target = await s.start(run, { bare: true });
    for (const line of lines) expect(await target.ask(line)).toBe('loaded');
    await expectRefused(target, patch, fact);
  }
  // Linked to the program it comes before libc, as if preloaded.
  const linked = await s.start(
    s.program('runtimes/program.c', [preload()], ['-Wl,--no-as-needed']),
    {
      bare: true,
      env: { LD_LIBRARY_PATH: join(preload(), '..') },
    },
  );
  expect(await linked.ask(`local ${library}`)).toBe('loaded');
  s.apply(linked, patch);
  expect(await linked.ask('value')).toBe('2');
});

scenario('more libraries than static TLS has room for', async (s) => {
  const COUNT = 100;
  const library = ownLibrary(s);
  mkdirSync(join(s.room, 'copies'));
  const copies = Array.from({ length: COUNT }, (_, i) => join(s.room, 'copies', `lib${i}.so`));
  for (const copy of copies) copyFileSync(library, copy);
  const run = program(s);
  const target = await s.start(run);
  const answers: string[] = [];
  for (const copy of copies) answers.push(await target.ask(`local ${copy}`));
  const loaded = answers.filter((answer) => answer === 'loaded').length;
  expect(loaded).toBeGreaterThan(20);
  expect(loaded).toBeLessThan(COUNT);
  expect(new Set(answers.slice(loaded).map((answer) => answer.replace(/^.*: /, '')))).toEqual(
    new Set(['cannot allocate memory in static TLS block']),
  );
  expect(await target.ask('value')).toBe('1');
  expect(await target.ask('close')).toBe('closed');
  expect(await target.ask(`local ${copies[COUNT - 1]}`)).toBe('loaded');
  // What docs/limits.md says to do.
  const roomy = await s.start(run, {
    env: { GLIBC_TUNABLES: `glibc.rtld.optional_static_tls=${512 + COUNT * 32}` },
  });
  for (const copy of copies) expect(await roomy.ask(`local ${copy}`)).toBe('loaded');
  expect(await roomy.ask('value')).toBe('1');
});
