/**
 * A share of the random programs, by fixed seed: test-targets/random. Its number is bounded, not
 * its time.
 */
import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { runProgram } from '../harness/programs.cjs';
import { scenario } from '../harness/scenario';
import { LONG_MS } from '../harness/wait.cjs';

const PROGRAMS = process.env.ULP_TEST_PROGRAMS ?? '100';
const SEED = process.env.ULP_TEST_SEED ?? '1';
/** So often a program that fails is made smaller; by hand, it is done for longer. */
const TRIES = '5';

const script = join(TARGETS, '../scripts/random-programs.mjs');
const run = (folder: string, ...args: string[]): { status: number | null; stdout: string } =>
  runProgram(process.execPath, [script, '--folder', folder, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LONG_MS,
  });

scenario('random programs see one universe in each call, whatever they do', async (s) => {
  const { status, stdout } = run(s.room, '--programs', PROGRAMS, '--seed', SEED, '--tries', TRIES);
  if (status !== 0) throw new Error(stdout);
  expect(stdout).toMatch(/^alone: \d+ programs.*, ok\nasked: .*, ok\nbeside: .*, ok\n$/);
});
