/**
 * The models of entry, exit, publication and unloading, and of a thread that switches stacks unseen
 * (runtime/model), checked exhaustively by spin.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputBeside } from '../../test-targets/harness/programs.cjs';
import { LONG_MS } from '../../test-targets/harness/wait.cjs';

// Some check millions of states: 70 s of a processor that nobody else uses.
jest.setTimeout(15 * 60_000);

const model = (name: string): string => join(__dirname, '../model', name);
const ENTRY = model('entry.pml');
const STACKS = model('stacks.pml');
/** Of the models that were last checked with all settings. */
const CHECKED = model('checked.sha256');

/**
 * With ULP_TEST_MODEL=all, the settings of millions of states too, which take minutes. No code of
 * the runtime can break them, only another model: so it is enough to check them when that changes.
 */
const ALL = process.env.ULP_TEST_MODEL === 'all';
const isChosen = (isLarge: boolean): boolean => ALL || !isLarge;
let passed = 0;

/** How it differs from one call in each of two threads, one of which has a signal handler. */
type Setting = `${string}=${number}` | 'UNIVERSE_FIRST';

type Optimise = '-O0' | '-O2';

/**
 * What the checker found: no error, or the assertion that failed first. -O2 pays from some million
 * states on.
 */
async function check(
  file: string,
  defines: readonly string[],
  optimise: Optimise = '-O0',
): Promise<string | undefined> {
  const room = mkdtempSync(join(tmpdir(), 'ulp-model-'));
  try {
    const options = { cwd: room, timeout: LONG_MS };
    await outputBeside('spin', ['-a', ...defines.map((d) => `-D${d}`), file], options);
    // -w: the checker is generated code. -DCOLLAPSE: a fifth of the memory.
    await outputBeside(
      'gcc',
      [optimise, '-w', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c'],
      options,
    );
    const stdout = await outputBeside(join(room, 'pan'), ['-n', '-m1000000'], options);
    const errors = /errors: (\d+)/.exec(stdout)?.[1];
    if (!errors || stdout.includes('max search depth too small') || stdout.includes('aborted'))
      throw new Error(`the checker did not finish:\n${stdout}`);
    return errors === '0' ? undefined : (/^pan:1: (.*) \(at depth/m.exec(stdout)?.[1] ?? stdout);
  } finally {
    rmSync(room, { recursive: true });
  }
}

const ALONE = 'THREADS=1';
const TWO_LIBRARIES = 'LIBRARIES=2';
const TWO_HANDLERS = 'HANDLERS=2';

const HOLDS: readonly [string, Setting[], Optimise][] = [
  ['two threads, a handler in one', [], '-O2'],
  ['the block is read the other way round', [ALONE, 'UNIVERSE_FIRST'], '-O0'],
  ['two calls one after the other', [ALONE, 'CALLS=2'], '-O0'],
  ['a patch with two targets', [ALONE, TWO_LIBRARIES], '-O0'],
  ['a handler above a handler', [ALONE, TWO_HANDLERS], '-O2'],
];
const isLargeSetting = (optimise: Optimise): boolean => optimise === '-O2';

test.each(HOLDS.filter(([, , optimise]) => isChosen(isLargeSetting(optimise))))(
  'holds: %s',
  async (_, settings, optimise) => {
    expect(await check(ENTRY, settings, optimise)).toBeUndefined();
    passed++;
  },
);

/** The same for the two stacks. */
const HOLDS_OF_STACKS: readonly [string, Setting[], Optimise][] = [
  ['two stacks, with a call on each', [], '-O2'],
  ['one call after the other on one of them', ['CALLS=2', 'INNER=0'], '-O2'],
];

test.each(HOLDS_OF_STACKS.filter(([, , optimise]) => isChosen(isLargeSetting(optimise))))(
  'holds: %s',
  async (_, settings, optimise) => {
    expect(await check(STACKS, settings, optimise)).toBeUndefined();
    passed++;
  },
);

/** A piece of the order each, and the setting that shows what happens without it. */
const BREAKS: Readonly<Record<string, Setting[]>> = {
  UNIVERSE_BEFORE_CLAIM: [ALONE],
  SLOT_BEHIND_THE_CLAIM: [ALONE],
  NO_HELP: [ALONE],
  CLAIM_IS_READ_TWICE: [ALONE],
  HELP_IS_A_STORE: [ALONE, TWO_HANDLERS],
  HELP_LEAVES_WHAT_IS_PUSHED: [ALONE],
  EXIT_DROPS_THE_CLAIM_FIRST: [ALONE, TWO_LIBRARIES],
  EXIT_DROPS_THE_UNIVERSE_FIRST: [ALONE],
  NO_UNIVERSE_IS_OUTSIDE: [ALONE],
  NO_BARRIER_BEFORE_LOOKING: [ALONE],
  NO_BARRIER_OF_CODE: [ALONE],
  PUBLISH_FIRST: [ALONE],
};

test.each(
  Object.entries(BREAKS).filter(([, settings]) => isChosen(settings.includes(TWO_HANDLERS))),
)('is not true with BREAK_%s', async (name, settings) => {
  expect(await check(ENTRY, [`BREAK_${name}`, ...settings])).toMatch(/^assertion violated/);
  passed++;
});

/** The same for the two stacks. */
const BREAKS_OF_STACKS: Readonly<Record<string, Setting[]>> = {
  CONTESTED_SLOTS_ARE_IGNORED: ['INNER=0'],
  CONTESTED_TAKES_THE_NEWEST: ['INNER=0'],
  HAND_OVER_IS_NOT_MARKED: ['CALLS=2', 'INNER=0'],
  LEAVES_WITH_THE_FIRST: ['CALLS=2', 'INNER=0'],
  LOOKS_ONCE: ['INNER=0'],
  NO_SLOT_OF_ITS_OWN: [],
  OWNER_BEFORE_JUNK: ['INNER=0'],
  SLOT_IS_NOT_SUSPENDED: ['INNER=0'],
};

test.each(Object.entries(BREAKS_OF_STACKS))(
  'two stacks: is not true with BREAK_%s',
  async (name, settings) => {
    expect(await check(STACKS, [`BREAK_${name}`, ...settings])).toMatch(/^assertion violated/);
    passed++;
  },
);

test.each([
  [ENTRY, Object.keys(BREAKS)],
  [STACKS, Object.keys(BREAKS_OF_STACKS)],
])('every piece that %s can leave out is left out here', (file, breaks) => {
  const inModel = readFileSync(file, 'utf8').matchAll(/^#ifn?def BREAK_(\w+)/gm);
  expect([...new Set([...inModel].map((m) => m[1]))].sort()).toEqual(breaks.sort());
});

test('the models are those that were checked with all settings: ULP_TEST_MODEL=all', () => {
  const hash = createHash('sha256');
  for (const file of [ENTRY, STACKS]) hash.update(readFileSync(file));
  const sum = `${hash.digest('hex')}\n`;
  if (ALL) {
    const all = [HOLDS, HOLDS_OF_STACKS, Object.keys(BREAKS), Object.keys(BREAKS_OF_STACKS)];
    expect(passed).toBe(all.reduce((sum, { length }) => sum + length, 0));
    writeFileSync(CHECKED, sum);
  }
  expect(readFileSync(CHECKED, 'utf8')).toBe(sum);
});
