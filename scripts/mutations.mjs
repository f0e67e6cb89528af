#!/usr/bin/env node
/**
 * Does a test fail when the piece of code that it is for is taken out? For each entry of
 * test-targets/mutations/list.mjs, or for those that are named: a copy of runtime/ is altered and
 * built, and the test is run on it. Prints the table of docs/testing.md; fails when a test did not.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MUTATIONS } from '../test-targets/mutations/list.mjs';

const ROOT = join(import.meta.dirname, '..');
const DEADLINE_MS = 150_000;

function build(room, edits) {
  for (const part of ['src', 'build/ulp_abi.h', 'build.mjs'])
    cpSync(join(ROOT, 'runtime', part), join(room, part), { recursive: true });
  for (const [file, from, to, all] of edits) {
    const path = join(room, 'src', file);
    const before = readFileSync(path, 'utf8');
    const after = all ? before.replaceAll(from, to) : before.replace(from, () => to);
    if (after === before) throw new Error(`${file}: not found: ${from}`);
    writeFileSync(path, after);
  }
  // What is taken out may leave something unused.
  const script = join(room, 'build.mjs');
  writeFileSync(script, readFileSync(script, 'utf8').replace("'-Werror'", "'-w'"));
  execFileSync('node', [script], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** How the test ended: undefined when it passed. */
async function run(room, [path, title]) {
  const child = spawn('node', [join(ROOT, 'node_modules/jest/bin/jest.js'), path, '-t', title], {
    cwd: ROOT,
    detached: true, // a group of its own, so that all of it can be ended
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ULP_TEST_RUNTIME: join(room, 'dist'), ULP_TEST_SCRATCH: room },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  let hung = false;
  const deadline = setTimeout(() => {
    hung = true;
    process.kill(-child.pid, 'SIGKILL');
  }, DEADLINE_MS);
  const status = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(deadline);
  if (hung) return 'hangs';
  if (status === 0) return undefined;
  return symptom(said);
}

/** The first thing that went wrong, in a few words. */
function symptom(said) {
  const crash = /the target ended: (\w+)/.exec(said);
  if (crash) return crash[1] === 'null' ? 'crash' : crash[1];
  if (said.includes('"inside": true')) return 'a thread is left inside';
  const cases = [...said.matchAll(/^ +\+ +"([\w-]+)",$/gm)].map((m) => m[1]);
  if (cases.length > 0) return cases.slice(0, 4).join(', ') + (cases.length > 4 ? ', …' : '');
  const failed = /([\w-]+)=FAIL|^ +\+? *(?:Received: )?"([\w-]+): \w+\.cc?:\d+/m.exec(said);
  if (failed) return failed[1] ?? failed[2];
  const tool = /(exit \d+: [\w-]+: process) \d+(: [^\n]{0,70})/.exec(said);
  if (tool) return tool[1] + tool[2];
  const text = /● .*\n\n +(.*)(?:\n\n +(Expected.*)\n +(Received.*))?/.exec(said);
  const words = text ? [text[1], text[2], text[3]].filter(Boolean).join('; ') : said.slice(-200);
  const short = words
    .replace(/expect\(received\).*\/\/ .*?(;|$)|; Received string.*/g, '')
    .replaceAll('|', '\\|')
    .slice(0, 120)
    .trim();
  return short || 'another answer';
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !MUTATIONS.some((m) => m.name === name));
if (unknown.length > 0) throw new Error(`no such mutation: ${unknown.join(', ')}`);

const chosen = MUTATIONS.filter(({ name }) => names.length === 0 || names.includes(name));

/** Unaltered, every test passes: so it is the alteration that they see. */
async function expectSound() {
  const tests = new Map(chosen.map(({ test }) => [test.join(), test]));
  const room = mkdtempSync(join(tmpdir(), 'ulp-mutation-'));
  build(room, []);
  for (const test of tests.values()) {
    const seen = await run(room, test);
    if (seen !== undefined)
      throw new Error(`${test.join(': ')} fails without any mutation: ${seen}`);
  }
  rmSync(room, { recursive: true });
}

await expectSound();
let survived = 0;
console.log('| taken out | test that fails | seen as |\n| --- | --- | --- |');
for (const { name, what, edits, test } of chosen) {
  const room = mkdtempSync(join(tmpdir(), 'ulp-mutation-'));
  try {
    build(room, edits);
    const seen = await run(room, test);
    if (seen === undefined) survived++;
    const file = test[0].replace(/.*\//, '');
    console.log(
      `| ${name}: ${what} | ${file}: ${test[1]}… | ${seen ?? '**nothing: it passes**'} |`,
    );
  } finally {
    rmSync(room, { recursive: true });
  }
}
if (survived > 0) {
  console.error(`${survived} survived`);
  process.exitCode = 1;
}
