/**
 * Every way of linking a live-patchable library, with the machine's tools: see test-targets/matrix.
 * ULP_TEST_TOOLCHAINS='stock plugin ld plugin-ld' takes the plugin and the patched ld too, which is
 * built in minutes.
 */
import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { LONG_MS } from '../harness/wait.cjs';

const ROOT = join(TARGETS, '..');
const PREFIX = join(ROOT, 'build/toolchain/prefix');
const env = { ...process.env, ULP_TOOLCHAIN: PREFIX };
const MINUTES = 60_000;
const TOOLCHAINS = (process.env.ULP_TEST_TOOLCHAINS ?? 'stock').split(' ');

interface Cell {
  readonly row: string;
  readonly checks: number;
  /** Not where something is missing. */
  readonly failed?: readonly string[];
}

function cells(toolchain: string): Cell[] {
  const script = join(ROOT, 'scripts/link-matrix.mjs');
  const { stdout, stderr } = runProgram(
    process.execPath,
    [script, '--json', '--toolchain', toolchain],
    { encoding: 'utf8', env, maxBuffer: 1 << 26, timeout: LONG_MS },
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Cell[];
}

beforeAll(() => {
  for (const tool of ['ld', 'plugin'])
    if (TOOLCHAINS.some((name) => name.split('-').includes(tool)))
      outputOf(process.execPath, [join(ROOT, 'scripts/toolchain.mjs'), tool], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
        timeout: LONG_MS,
      });
}, 40 * MINUTES);

test.each(TOOLCHAINS)(
  'with the toolchain %s all that is linked can be patched',
  (toolchain) => {
    const all = cells(toolchain);
    expect(all.filter(({ failed }) => (failed ?? []).length > 0)).toEqual([]);
    const checked = all.filter(({ checks }) => checks > 0);
    // gold takes the place of the patched ld.
    expect(all.length - checked.length).toBe(toolchain.endsWith('ld') ? 1 : 0);
  },
  40 * MINUTES,
);
