#!/usr/bin/env node
/**
 * `npm run test:long`: what takes too long for `npm test`. With names, only these; `--list` prints
 * them. Each goes on where another has failed. Prints the table that docs/testing.md keeps, with
 * the date and the commit; ends with 1 when one failed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { installDebianPackages } from './debian.mjs';
import { prepare, root } from './prepare.mjs';

const LOGS = join(root, 'test-targets/build/long');

const node = (script, ...args) => [script, ...args];
const jest = (...args) => node('node_modules/jest/bin/jest.js', ...args);

/** What each does that `npm test` does not, how, and about how many minutes it takes. */
const RUNS = {
  alignments: {
    what: '10,000 pairs of changes of 256 functions under four threads',
    run: jest('test-targets/test/alignments'),
    env: { ULP_TEST_PAIRS: '10000' },
    minutes: 5,
  },
  restless: {
    what: '2,000 pairs of changes under malloc, dlopen, fork, threads, setuid, stdio',
    run: jest('test-targets/test/restless'),
    env: { ULP_TEST_PAIRS: '2000' },
    minutes: 5,
  },
  stepping: {
    what: 'every action at every 7th boundary of the C code, instead of every 41st',
    run: jest('test-targets/test/stepping'),
    env: { ULP_TEST_STRIDE: '7' },
    minutes: 30,
  },
  'killed-anywhere': {
    what: 'a tool killed before every one of its steps, in each blocking call',
    run: jest('packages/trigger/test/killed-anywhere', 'packages/trigger/test/killed-dispatcher'),
    env: { ULP_TEST_KILLS: '34' },
    minutes: 20,
  },
  'killed-any-moment': {
    what: 'a tool killed at 2,000 random moments',
    run: jest('packages/trigger/test/killed-any-moment'),
    env: { ULP_TEST_MOMENTS: '2000' },
    minutes: 15,
  },
  'exec-anywhere': {
    what: 'the target executes a program before every step of the tool',
    run: jest('packages/trigger/test/exec-anywhere'),
    env: { ULP_TEST_MOMENTS: 'all' },
    minutes: 10,
  },
  model: {
    what: 'the model with the settings of millions of states too',
    run: jest('runtime/test/model'),
    env: { ULP_TEST_MODEL: 'all' },
    minutes: 7,
  },
  stopped: {
    what: 'the target is stopped at 22 steps of a change in each blocking call',
    run: jest('packages/trigger/test/stopped'),
    env: { ULP_TEST_STOPS: '22' },
    minutes: 10,
  },
  seccomp: {
    what: '20,000 random seccomp filters against the kernel',
    run: jest('packages/ptrace-ffi/test/seccomp'),
    env: { ULP_TEST_FILTERS: '20000' },
    minutes: 3,
  },
  'compare-damage': {
    what: '5,000 damaged libraries compared',
    run: jest('packages/packer/test/compare-damage'),
    env: { ULP_TEST_DAMAGES: '5000' },
    minutes: 10,
  },
  hammer: {
    what: '50 pairs of changes, and 50 tools killed, under threads that never rest',
    run: jest('test-targets/test/hammer'),
    env: { ULP_TEST_PAIRS: '50' },
    minutes: 3,
  },
  'no-compiler': {
    what: 'installing where there is no compiler, with each supported Node.js',
    run: jest('test-targets/test/no-compiler'),
    env: { ULP_TEST_NODES: '20,22,24' },
    minutes: 2,
  },
  plugin: {
    what: 'the plugin at all six levels of optimisation',
    run: jest('test-targets/test/toolchain-plugin'),
    env: { ULP_TEST_LEVELS: '-O0 -Os -Og -O1 -O2 -O3' },
    minutes: 3,
  },
  'toolchain-ld': {
    what: 'the patched ld is built, and what it links is patched without the gate',
    run: jest('test-targets/test/toolchain-ld'),
    minutes: 5,
  },
  'link-matrix': {
    what: 'every way of linking, with each toolchain that builds in minutes',
    run: jest('test-targets/test/link-matrix'),
    env: { ULP_TEST_TOOLCHAINS: 'stock plugin ld plugin-ld' },
    minutes: 10,
  },
  'real-libraries': {
    what: 'programs of real libraries, each eight times while a patch comes and goes',
    run: jest('test-targets/test/real-libraries'),
    env: { ULP_TEST_ROUNDS: '8' },
    minutes: 12,
  },
  'compare-fixes': {
    what: 'what five fixes of Debian change in real libraries, as ulp-packer --compare says',
    run: jest('test-targets/test/compare-fixes'),
    minutes: 5,
  },
  'ld-identity': {
    what: 'the patched ld links what is not ours to the same bytes',
    run: node('scripts/ld-identity.mjs'),
    minutes: 10,
  },
  mutations: {
    what: 'each piece of the runtime taken out, and the test that fails',
    run: node('scripts/mutations.mjs'),
    minutes: 25,
  },
  fuzz: {
    what: '100,000 altered inputs for each parser of foreign bytes',
    run: node('scripts/fuzz.mjs', '--cases', '100000'),
    minutes: 30,
  },
  random: {
    what: '20 minutes of random programs: alone, with changes that they ask for, beside changes',
    run: node('scripts/random-programs.mjs', '--minutes', '20', '--seed', '1000'),
    minutes: 21,
  },
  soak: {
    what: 'half an hour of changes by all commands, and what processes hold',
    run: node('bench/soak.mjs', '--minutes', '30'),
    minutes: 31,
  },
};

const names = process.argv.slice(2).filter((name) => name !== '--list');
const unknown = names.filter((name) => !(name in RUNS));
if (unknown.length > 0) {
  console.error(`test-long: ${unknown.join(', ')}: no such run: expected ${Object.keys(RUNS)}`);
  process.exit(2);
}
const chosen = Object.entries(RUNS).filter(([name]) => names.length === 0 || names.includes(name));
if (process.argv.includes('--list')) {
  for (const [name, { what, minutes }] of chosen) console.log(`${name}: ${what} (${minutes} min)`);
  process.exit(0);
}

/** The last line of the shape that our runners close with. */
const conclusion = (log) =>
  /.*\d+ (?:passed|wrong|failed|of \d+).*/.exec(
    execFileSync('tail', ['-n', '12', log], { encoding: 'utf8' }),
  )?.[0] ?? '';

installDebianPackages();
prepare({ quiet: true });
mkdirSync(LOGS, { recursive: true });
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).toString();
console.log(`${new Date().toISOString().slice(0, 10)}, ${commit.trim()}\n`);
console.log('| run | proves | minutes | result |\n| --- | --- | --- | --- |');
let failed = 0;
for (const [name, { what, run, env = {} }] of chosen) {
  const log = join(LOGS, `${name}.log`);
  const output = openSync(log, 'w');
  const start = performance.now();
  const { status, signal } = spawnSync(process.execPath, run, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  const result =
    status === 0 ? conclusion(log) || 'passed' : `FAILED (${signal ?? status}): ${log}`;
  if (status !== 0) failed++;
  console.log(`| \`${name}\` | ${what} | ${minutes} | ${result} |`);
}
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
