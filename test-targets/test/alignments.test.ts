import { join } from 'node:path';
import { abi } from '@ulp/core';
import { onlyWhere } from '../harness/as-root';
import { entriesAreAligned, TARGETS } from '../harness/build';
import { scenario, type Scenario } from '../harness/scenario';
import { outputBeside, outputOf } from '../harness/programs.cjs';
import { LONG_MS, TEST_MS } from '../harness/wait.cjs';

/** How often the patch comes and goes. */
const PAIRS = Number(process.env.ULP_TEST_PAIRS ?? 200);

jest.setTimeout(TEST_MS + PAIRS * 200);

const KINDS = {
  plain_: ['-O0'],
  small_: ['-Os'],
  cold_: ['-O2', '-DATTRIBUTES=__attribute__((cold))', '-DSECTION=".text.unlikely"'],
  branch_: ['-O2', '-fcf-protection=branch'],
};
const NUMBERS = Array.from({ length: 64 }, (_, n) => n.toString(8).padStart(2, '0'));

/** Where the entries lie in a cache line: the address of a function modulo 64. */
function offsets(library: string, prefix: string): number[] {
  const symbols = outputOf('nm', [library], { encoding: 'utf8' });
  return [...symbols.matchAll(new RegExp(`^(\\w+) T ${prefix}\\d\\d$`, 'gm'))]
    .map(([, address]) => parseInt(address as string, 16) % 64)
    .sort((a, b) => a - b);
}

const TITLE = `entries at every alignment are patched ${PAIRS} times under four threads`;
const whereUnaligned = onlyWhere(!entriesAreAligned(), 'with a compiler that aligns entries to 8');
whereUnaligned(scenario)(TITLE, entriesAtEveryAlignment);

async function entriesAtEveryAlignment(s: Scenario): Promise<void> {
  const libraries = Object.entries(KINDS).map(([prefix, flags]): [string, string[]] => {
    const library = s.library('alignments/library.c', `lib${prefix}alignments.so`, {
      args: [
        ...['-fno-toplevel-reorder', '-falign-functions=1', `-DPREFIX=${prefix}`],
        `-DPADDING="${abi.PADDING.before}"`,
        ...flags,
      ],
    });
    expect([...new Set(offsets(library, prefix))]).toEqual(NUMBERS.map((_, n) => n));
    return [library, NUMBERS.map((n) => `${prefix}${n}:new_${prefix}${n}`)];
  });
  const patch = s.patch('alignments/patch.c', 'fix', libraries);
  const target = await s.start(
    s.program(
      'alignments/program.c',
      libraries.map(([library]) => library),
    ),
  );
  const args = [join(TARGETS, 'harness/flap.mjs'), target.pid, patch, PAIRS];
  const stdout = await outputBeside(process.execPath, args, { timeout: LONG_MS });
  expect(stdout).toMatch(new RegExp(`^${PAIRS} `));
  const [wrong, ...seen] = (await target.ask('')).split(' ').map(Number);
  expect(wrong).toBe(0);
  for (const count of seen) expect(count).toBeGreaterThan(0);
  expect(target.maps()).not.toContain('fix.so');
}
