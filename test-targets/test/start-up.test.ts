/** What a command loads before it does its work: that, and not a time, can be tested. */
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { scenario, type Scenario } from '../harness/scenario';
import { BIN } from '../harness/tools';
import { runProgram } from '../harness/programs.cjs';

interface Loaded {
  /** For each script: was it taken as it had been compiled? */
  readonly compiled: readonly boolean[];
  readonly native: readonly string[];
  readonly files: readonly string[];
  readonly builtin: readonly string[];
}

/** Runs a command, which has to succeed, and gives what it had loaded in the end. */
function loadedBy(s: Scenario, status: number, name: string, ...args: (string | number)[]): Loaded {
  const file = join(s.room, 'loaded.json');
  const hook = join(__dirname, '../harness/loaded.cjs');
  const outcome = runProgram(join(BIN, name), args.map(String), {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: `--require ${hook}`, ULP_TEST_LOADED: file },
  });
  expect([name, outcome.status, outcome.stderr]).toEqual([name, status, '']);
  return JSON.parse(readFileSync(file, 'utf8')) as Loaded;
}

scenario(
  'commands start from compiled code; only a change loads the FFI, and none loads zod',
  async (s) => {
    const library = s.library('simple/library.c', 'libsimple.so');
    const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
    const { pid } = await s.start(s.program('simple/program.c', [library]));
    const packed = ['-o', join(s.room, 'again.ulp')];
    const gated = ['-o', join(s.room, 'again.so')];
    const quiet = [
      loadedBy(s, 1, 'ulp-check', pid, patch),
      loadedBy(s, 0, 'ulp-inspect', pid),
      loadedBy(s, 0, 'ulp-dispatcher', 'check', patch, pid, '--dry-run'),
      loadedBy(s, 0, 'ulp-trigger', pid, patch, '--revert'),
      loadedBy(s, 0, 'ulp-dump', patch),
      loadedBy(s, 0, 'ulp-packer', join(s.room, 'fix.dsc'), ...packed),
      loadedBy(s, 0, 'ulp-dynsym-gate', library, ...gated),
      loadedBy(s, 0, 'ulp-runtime', 'cflags'),
    ];
    const loud = [
      loadedBy(s, 0, 'ulp-trigger', pid, patch),
      loadedBy(s, 0, 'ulp-dispatcher', 'revert', patch, pid),
    ];
    for (const { compiled, files, builtin } of [...quiet, ...loud]) {
      expect(compiled).toEqual([true]);
      expect(files.filter((file) => /node_modules|zod|yargs/.test(file))).toEqual([]);
      expect(builtin).not.toContain('assert');
    }
    for (const { native, files, builtin } of quiet) {
      expect(native).toEqual([]);
      expect(builtin).not.toContain('net');
      expect(files.filter((file) => file.includes('ptrace-ffi/dist/libc.js'))).toEqual([]);
    }
    for (const { native } of loud) expect(native).not.toEqual([]);
  },
);

scenario('without compiled code that fits, a command runs from its source', (s) => {
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  const bins = join(s.room, 'bin');
  mkdirSync(bins);
  cpSync(join(__dirname, '../../packages/metadata/dist/bin'), bins, { recursive: true });
  const dump = () => {
    const args = [join(bins, 'ulp-dump.js'), patch];
    return runProgram(process.execPath, args, { encoding: 'utf8' });
  };
  const { status, stdout } = dump();
  expect([status, stdout]).toEqual([0, expect.stringContaining('new_answer')]);
  const cache = join(bins, readdirSync(bins).find((name) => name.endsWith('.cache')) ?? '');
  for (const damage of [(path: string) => truncateSync(path, 1000), unlinkSync]) {
    damage(cache);
    const again = dump();
    expect([again.status, again.stdout, again.stderr]).toEqual([0, stdout, '']);
  }
  return Promise.resolve();
});
