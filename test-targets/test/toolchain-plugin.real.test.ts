import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireEntries } from '../harness/entries';
import { scenario } from '../harness/scenario';
import { runTool } from '../harness/tools';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { LONG_MS } from '../harness/wait.cjs';

const ROOT = join(__dirname, '../..');
/** ULP_TEST_LEVELS='-O0 -Os -Og -O1 -O2 -O3' takes all. */
const LEVELS = (process.env.ULP_TEST_LEVELS ?? '-O0 -Os -O2').split(' ');
const PROTECTION = ['-fcf-protection=none', '-fcf-protection=full'];
const SECTIONS = [[], ['-ffunction-sections', '-Wl,--gc-sections']];
const NAMES = ['answer', 'checked', 'complain', 'step'];

/**
 * gcc: the patched gcc that is installed, instead of the plugin, with LTO as well;
 * scripts/toolchain-check.mjs.
 */
const PATCHED = process.env.ULP_TEST_COMPILER === 'gcc';
const LINKS = PATCHED ? [...SECTIONS, ['-flto', '-fno-fat-lto-objects']] : SECTIONS;

const prefix = mkdtempSync(join(tmpdir(), 'ulp-plugin-'));
let compiler: string[] = [];

beforeAll(() => {
  const env = PATCHED ? process.env : { ...process.env, ULP_TOOLCHAIN: prefix };
  if (!PATCHED)
    outputOf('node', [join(ROOT, 'scripts/toolchain.mjs'), 'plugin'], {
      env,
      stdio: 'ignore',
      timeout: LONG_MS,
    });
  const args = ['cflags', PATCHED ? '--toolchain' : '--plugin'];
  const { stdout } = runProgram(join(ROOT, 'node_modules/.bin/ulp-runtime'), args, {
    env,
    encoding: 'utf8',
  });
  compiler = stdout.trim().split(' ');
  expect(compiler[0]).toMatch(PATCHED ? /^-B/ : /^-fplugin=.*\/plugin\/ulp_plugin\.so$/);
});

afterAll(() => rmSync(prefix, { recursive: true }));

describe.each(LEVELS)(`${PATCHED ? 'the patched gcc' : 'the plugin'} at %s`, (level) => {
  scenario('entries and records are as promised, and the gate takes them all', async (s) => {
    for (const protection of PROTECTION)
      for (const sections of LINKS) {
        const args = [level, protection, ...sections];
        const library = s.library('toolchain/library.c', 'libc.so', {
          cflags: compiler,
          args,
          ungated: true,
        });
        const names = requireEntries(library);
        expect(names).toEqual(expect.arrayContaining([...NAMES, 'odd']));
        if (sections !== LINKS[2]) expect(names.includes('dropped')).toBe(sections.length === 0);
        const cxx = s.library('toolchain/library.cc', 'libcc.so', {
          cflags: compiler,
          args,
          ungated: true,
        });
        expect(requireEntries(cxx)).toEqual(expect.arrayContaining(['run', '_ZN6square4areaEi']));
        for (const file of [library, cxx])
          expect(runTool('ulp-dynsym-gate', [file]).status).toBe(0);
      }
  });

  scenario('a process is patched and put back', async (s) => {
    const args = [level, '-ffunction-sections', '-Wl,--gc-sections'];
    const library = s.library('toolchain/library.c', 'libtoolchain.so', { cflags: compiler, args });
    const pairs = ['answer:new_answer', 'complain:new_complain', 'odd:new_odd'];
    const patch = s.patch('toolchain/patch.c', 'fix', [[library, pairs]]);
    const target = await s.start(s.program('toolchain/program.c', [library]));
    expect(await target.ask('5')).toBe('6 27 14 12');
    s.apply(target, patch);
    expect(await target.ask('5')).toBe('1005 162 5 12');
    s.revert(target, patch);
    expect(await target.ask('5')).toBe('6 27 14 12');
  });
});

scenario('without the plugin the same checks find what they look for', async (s) => {
  const library = s.library('toolchain/library.c', 'libc.so', { args: ['-Os'], ungated: true });
  expect(() => requireEntries(library)).toThrow(/answer: entry 9090/);
});

const OTHER = ['-fpatchable-function-entry=5,1'];

if (PATCHED)
  test('the patched gcc refuses another padding', () => {
    const args = [...compiler, ...OTHER, '-xc', '-c', '/dev/null', '-o', '/dev/null'];
    const { status, stderr } = runProgram('gcc-12', args, { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/'-mlive-patchable' needs '-fpatchable-function-entry=N,M'/);
  });
else
  scenario('functions without padding, and with another one, are left as they are', async (s) => {
    const library = s.library('toolchain/library.c', 'libc.so', {
      cflags: compiler,
      args: OTHER,
      ungated: true,
    });
    const text = outputOf('objdump', ['-d', '--disassemble=answer', library], {
      encoding: 'utf8',
    });
    expect(text).toMatch(/<answer>:\n.*\t90 +\tnop\n.*\t90 +\tnop\n/);
  });
