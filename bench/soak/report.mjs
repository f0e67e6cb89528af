/** What was held at the start and at the end, and whether it has grown. */
import { bin, timed } from '../lib.mjs';

/**
 * How much more than at the start is no growth. In a run of 30 minutes, one page that is lost every
 * hundredth change is above it.
 */
const NOISE = {
  'resident KiB': 256,
  'private KiB': 128,
  mappings: 0,
  descriptors: 0,
  threads: 0,
  'slots in use': 0,
  'resident MiB': 16,
  'heap without code MiB': 1,
  'peak MiB': 3,
};

const RUNS = 5;

/** Peak memory of whole commands on a process. */
export function commandsMemory(pid, file) {
  const peak = (...command) =>
    Math.max(...Array.from({ length: RUNS }, () => timed(command.map(String)).kib)) / 1024;
  return [
    ['ulp-check', { 'peak MiB': peak(bin('ulp-check'), pid, file) }],
    ['ulp-trigger --dry-run', { 'peak MiB': peak(bin('ulp-trigger'), pid, file, '--dry-run') }],
    ['ulp-dispatcher check', { 'peak MiB': peak(bin('ulp-dispatcher'), 'check', file) }],
  ];
}

const rows = (start, end) =>
  start.flatMap(([name, before], i) =>
    Object.entries(before).map(([what, value]) => [name, what, value, end[i][1][what]]),
  );

/** @returns what has grown */
export const compare = (start, end) =>
  rows(start, end)
    .filter(([, what, before, after]) => !(after <= before + NOISE[what]))
    .map(([name, what]) => `${name}: ${what}`);

const shown = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(1)).padStart(9);

export function printComparison(start, end, grown) {
  console.log(`\n${''.padEnd(44)}    start       end     noise`);
  for (const [name, what, before, after] of rows(start, end)) {
    const mark = grown.includes(`${name}: ${what}`) ? '  GROWTH' : '';
    console.log(
      `${`${name}: ${what}`.padEnd(44)}${shown(before)} ${shown(after)} ${shown(NOISE[what])}${mark}`,
    );
  }
}
