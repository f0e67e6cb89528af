#!/usr/bin/env node
/**
 * The link matrix of docs/toolchain.md: which ways of linking a live-patchable library work, with
 * which toolchain. `node scripts/link-matrix.mjs [ROW...] [--toolchain NAME]... [--json]` measures
 * and prints it. Each cell is "ok", what failed, or "-" where that toolchain is not there. Exit
 * code 1 when something failed.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tool } from '../test-targets/matrix/build.mjs';
import { measure, measurePlain } from '../test-targets/matrix/measure.mjs';
import { limitOf, LIMITS, row as rowOf, ROWS } from '../test-targets/matrix/rows.mjs';
import { root } from './prepare.mjs';
import { toolchain, TOOLCHAINS } from './toolchains.mjs';

const TITLES = {
  stock: 'gcc, ulp-dynsym-gate',
  plugin: 'gcc with plugin, ulp-dynsym-gate',
  ld: 'gcc, patched ld',
  'plugin-ld': 'gcc with plugin, patched ld',
  gcc: 'patched gcc, patched ld',
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { toolchain: { type: 'string', multiple: true }, json: { type: 'boolean' } },
});
const rows = positionals.length > 0 ? positionals.map(rowOf) : ROWS;
const toolchains = (values.toolchain ?? TOOLCHAINS).map(toolchain);

const build = join(root, 'test-targets/build');
mkdirSync(build, { recursive: true });
const room = mkdtempSync(join(build, 'matrix-'));
const preload = (await tool('ulp-runtime', 'path', 'libpulp.so')).trim();

const isThere = (program) =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));

/** What a row is measured by: itself, or the row of which it is a view. */
const measured = new Map();
const plains = new Map();
function checksOf(row, chain) {
  const key = `${row.name} ${chain.name}`;
  if (!measured.has(key))
    measured.set(
      key,
      (async () => {
        if (!plains.has(row.name)) plains.set(row.name, measurePlain(room, row));
        return measure({ room, row, toolchain: chain, plain: await plains.get(row.name), preload });
      })(),
    );
  return measured.get(key);
}

/**
 * @returns {Promise<{ checks?: number, failed?: string[], limits?: string[], missing?: string }>}
 */
async function cell(row, chain) {
  const of = row.of ? rowOf(row.of) : row;
  if (chain.missing) return { missing: chain.missing };
  if (of.needs && !isThere(of.needs)) return { missing: `${of.needs} is not installed` };
  if (of.linker && !chain.gate)
    return { missing: 'another linker takes the place of the patched ld' };
  try {
    const all = await checksOf(of, chain);
    const checks = row.checks ? all.filter(({ name }) => row.checks.test(name)) : all;
    const untrue = checks.filter(({ holds }) => !holds);
    if (checks.length === 0) return { checks: 0, failed: ['nothing was checked'] };
    const known = (check) => limitOf(of.name, chain.name, check.name);
    return {
      checks: checks.length,
      limits: [...new Set(untrue.filter(known).map((check) => known(check).says))],
      failed: untrue
        .filter((check) => !known(check))
        .map((c) => (c.found === '' ? c.name : `${c.name} (${c.found})`)),
    };
  } catch (error) {
    return { checks: 0, failed: [error.message] };
  }
}

/** All cells, as many at a time as there are processors. */
async function measureAll() {
  const jobs = toolchains.flatMap((chain) => rows.map((row) => ({ row, chain })));
  const queue = [...jobs];
  const worker = async () => {
    for (let job; (job = queue.shift());) {
      job.result = await cell(job.row, job.chain);
      if (process.stderr.isTTY)
        process.stderr.write(`${job.row.name}, ${job.chain.name}: ${inTable(job.result)}\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return jobs;
}

const noteOf = (limit) => `(${LIMITS.findIndex(({ says }) => says === limit) + 1})`;

function inTable({ failed, limits, missing }) {
  if (missing) return '-';
  if (failed.length === 0) return ['ok', ...limits.map(noteOf)].join(' ');
  const [first] = failed;
  const short = first.length > 90 ? `${first.slice(0, 90)}…` : first;
  return (failed.length === 1 ? short : `${short}, and ${failed.length - 1} more`).replaceAll(
    '|',
    '\\|',
  );
}

function printTable(jobs) {
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
  line(['linked', ...toolchains.map(({ name }) => TITLES[name])]);
  line(['---', ...toolchains.map(() => '---')]);
  for (const row of rows)
    line([row.name, ...jobs.filter((job) => job.row === row).map((job) => inTable(job.result))]);
  const reasons = new Set(
    jobs
      .filter(({ result }) => result.missing)
      .map(
        ({ row, chain, result }) =>
          `${chain.missing ? TITLES[chain.name] : row.name}: ${result.missing}`,
      ),
  );
  const limits = LIMITS.filter(({ says }) =>
    jobs.some(({ result }) => result.limits?.includes(says)),
  ).map(({ says }) => `${noteOf(says)} ${says}`);
  if (limits.length > 0) console.log(`\n${limits.join('; ')}.`);
  if (reasons.size > 0) console.log(`\n-: ${[...reasons].join('; ')}.`);
}

const jobs = await measureAll();
const failed = jobs.some(({ result }) => (result.failed ?? []).length > 0);
if (values.json)
  console.log(
    JSON.stringify(
      jobs.map(({ row, chain, result }) => ({ row: row.name, toolchain: chain.name, ...result })),
    ),
  );
else printTable(jobs);
if (failed) process.stderr.write(`kept: ${room}\n`);
else rmSync(room, { recursive: true });
process.exitCode = failed ? 1 : 0;
