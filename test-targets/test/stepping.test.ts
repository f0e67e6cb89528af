/** Stops at every instruction boundary of the ways in and out, and does everything there. */
import { join } from 'node:path';
import { abi } from '@ulp/core';
import { preload, TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';
import { outputOf } from '../harness/programs.cjs';

const stepping = (file: string): string => join(TARGETS, 'stepping', file);
const SOURCES = ['step.cc', 'process.cc', 'run.cc', 'paths.cc', 'actions.cc'].map(stepping);
// The header of the ABI is one of C.
const ABI = [`-I${join(TARGETS, '../runtime/build')}`, '-D_Static_assert=static_assert'];

/** Through code of gcc's, in boundaries. */
const STRIDE = Number(process.env.ULP_TEST_STRIDE ?? 41);
const HOUR = 60 * 60_000;
jest.setTimeout(STRIDE < 41 ? 6 * HOUR : HOUR / 2);

/**
 * Offsets in the file of the instructions of `size` bytes from `start` on, but for padding behind
 * the last jump.
 */
function instructions(file: string, start: number, size: number): number[] {
  const range = [`--start-address=${start}`, `--stop-address=${start + size}`];
  const listing = outputOf('objdump', ['-d', '--no-show-raw-insn', ...range, file], {
    encoding: 'utf8',
  });
  const found = [...listing.matchAll(/^ *([0-9a-f]+):\t(\S+)/gm)].map(([, at, mnemonic]) => ({
    at: parseInt(at as string, 16),
    isFiller: /^(nop|int3|\(bad\)|xchg|cs|data16)/.test(mnemonic as string),
  }));
  while (found.at(-1)?.isFiller) found.pop();
  return found.map(({ at }) => at);
}

/** Where a symbol lies in a file. */
function symbol(file: string, name: string, options = ''): { start: number; size: number } {
  const listing = outputOf('nm', [`-S${options}`, file], { encoding: 'utf8' });
  const [, start, size] = new RegExp(`^(\\w+) (\\w+) \\w ${name}$`, 'm').exec(listing) ?? [];
  if (start === undefined || size === undefined) throw new Error(`${file}: no ${name}`);
  return { start: parseInt(start, 16), size: parseInt(size, 16) };
}

/** What is never stood at, of that which is written by hand. */
function missed(library: string, stood: ReadonlyMap<string, ReadonlySet<number>>): string[] {
  const entry = symbol(library, '__ulp_entry');
  // Its last three instructions are for a process without libpulp.so.
  const entered = instructions(library, entry.start, entry.size).slice(0, -3);
  // Of exported symbols, those that lead to trampolines.
  const { start, size } = symbol(library, 'twice', 'gD');
  const inPadding = symbol(library, 'twice').start - start === abi.PADDING.before;
  const trampoline = instructions(library, start, inPadding ? abi.PADDING.trampolineSize : size);
  const runtime = preload();
  const slots = symbol(runtime, '__ulp_slots').start;
  const slot = instructions(runtime, slots, abi.SLOT_STRIDE).map((at) => at - slots);
  expect([entered.length, trampoline.length, slot.length].every((count) => count > 8)).toBe(true);
  return (
    [
      ['library', entered],
      ['trampoline', trampoline],
      ['slot', slot],
    ] as const
  ).flatMap(([region, wanted]) =>
    wanted.filter((at) => !stood.get(region)?.has(at)).map((at) => `${region}+${at.toString(16)}`),
  );
}

scenario('every action at every boundary of every path', async (s) => {
  const library = s.library('stepping/library.c', 'libstep.so');
  const pairs = ['version:new_version', 'twice:new_twice', 'tail:new_tail'];
  const patches = [2, 3].map((number) =>
    s.patch('stepping/patch.c', `fix${number}`, [[library, pairs]], {
      args: [`-DNUMBER=${number}`],
    }),
  );
  const program = s.program('stepping/program.cc', [library], [...SOURCES, ...ABI]);
  // "PATH;ACTION" does these alone.
  const only = (process.env.ULP_TEST_STEPS ?? '').split(';').filter((name) => name !== '');
  const target = await s.start(program, { args: [String(STRIDE), ...only] });
  const changes = await s.start(process.execPath, {
    bare: true,
    args: [join(TARGETS, 'harness/changes.mjs'), String(target.pid), ...patches],
  });
  const failures: string[] = [];
  const did: string[] = [];
  const stood = new Map<string, ReadonlySet<number>>();
  for (let line; (line = await target.line({ ms: HOUR })) !== 'end';) {
    const [what, ...rest] = line.split(' ');
    if (what === 'be' || what === 'to') target.tell(await changes.ask(line, { ms: HOUR }));
    else if (what === 'did') did.push(rest.join(' '));
    else if (what === 'stood') {
      const [region = '', ...offsets] = rest;
      stood.set(region, new Set(offsets.map(Number)));
    } else failures.push(line);
  }
  expect(await changes.end()).toBe(0);
  expect(failures).toEqual([]);
  if (only.length > 0) return;

  expect(missed(library, stood)).toEqual([]);
  for (const region of ['selector', 'stub', 'runtime', 'elsewhere'])
    expect([region, stood.get(region)?.size ?? 0]).not.toEqual([region, 0]);
  // All actions of a path stood at as many boundaries of what is written by hand.
  const counts = new Map<string, Set<string>>();
  for (const line of did) {
    const [path = '', , stack = '', assembly = ''] = line.split('; ');
    const way = `${path}, stack ${stack}`;
    counts.set(way, (counts.get(way) ?? new Set()).add(assembly));
  }
  expect(Object.fromEntries([...counts].filter(([, set]) => set.size !== 1))).toEqual({});
  const total = did.reduce((sum, line) => {
    const [, , , assembly, c] = line.split('; ');
    return sum + Number(assembly) + Number(c);
  }, 0);
  process.stdout.write(`${total} actions at boundaries on ${counts.size} ways\n`);
});
