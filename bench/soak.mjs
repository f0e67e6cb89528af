#!/usr/bin/env node
/**
 * `npm run soak [-- --minutes N] [--seed N] [--leak]`: patches come, stack, go and are unloaded in
 * processes that change, by every command, for 30 minutes; every answer is looked at. Then it tells
 * what the processes that stayed, and a tool that stayed, hold at the start and at the end. Exits
 * with 1 when something has grown, or an answer was wrong. --leak plants a leak, which must be
 * found.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { prepare } from '../scripts/prepare.mjs';
import { actions } from './soak/actions.mjs';
import { Asked } from '../test-targets/harness/asked.cjs';
import { LONG_MS } from '../test-targets/harness/wait.cjs';
import { build } from './soak/build.mjs';
import { generator } from './soak/random.mjs';
import { commandsMemory, compare, printComparison } from './soak/report.mjs';
import { Subject } from './soak/subject.mjs';
import { machine, preload } from './lib.mjs';

const STAYING = ['', 'w', 'wt', 'wtf'];
const CHANGING = ['', 'w', 't', 'wf', 'wtf'];
const CHANGING_AT_ONCE = 3;
/** A changing process ends after so many rounds at most. */
const LIFE = 60;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    leak: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0) || !/^\d+$/.test(values.seed)) {
  console.error('soak: expected --minutes N and --seed N');
  process.exit(2);
}
prepare({ quiet: true });

const random = generator(Number(values.seed));
const { folder, program, patches } = build(values);
const runtime = preload();
const toolProcess = new Asked(process.execPath, {
  args: ['--expose-gc', '--max-old-space-size=8000000', `${import.meta.dirname}/soak/tool.mjs`],
});
/** A change may use up its own time-out more than once. */
const tool = async (...words) =>
  JSON.parse(await toolProcess.ask(words.join(' '), { ms: LONG_MS }));
const staying = [];
for (const kinds of STAYING) staying.push(await Subject.start(program, kinds, runtime));
const soak = {
  tool,
  patches,
  random,
  subjects: [...staying],
  counts: {},
  mistakes: [],
  count: (what) => (soak.counts[what] = (soak.counts[what] ?? 0) + 1),
  wrong(what) {
    soak.mistakes.push(what);
    console.log(`WRONG: ${what}`);
  },
  /** One of those that change, if there is one. */
  async endOne(subject = soak.subjects[STAYING.length]) {
    if (!subject || subject.isEnding) return;
    subject.isEnding = true;
    const code = await subject.process.end();
    if (code !== 0) soak.wrong(`${subject.name} ended with ${code}`);
    soak.count('processes that ended');
  },
};

async function round() {
  soak.subjects = soak.subjects.filter(({ isEnding }) => !isEnding);
  while (soak.subjects.length < STAYING.length + CHANGING_AT_ONCE) {
    const subject = await Subject.start(program, CHANGING[random(CHANGING.length)], runtime);
    subject.rounds = 1 + random(LIFE);
    soak.subjects.push(subject);
  }
  const subject = soak.subjects[random(soak.subjects.length)];
  const dice = random(20);
  const action = dice < 14 ? 'library' : dice < 16 ? 'trigger' : dice < 18 ? 'check' : 'dispatcher';
  await actions[action](soak, subject, patches.get(2 + random(patches.size)));
  const left = soak.subjects.filter(({ isEnding }) => !isEnding);
  for (const one of action === 'dispatcher' ? left : [subject])
    for (const mistake of await one.examine(patches)) soak.wrong(mistake);
  for (const one of left) if (one.rounds !== undefined && one.rounds-- <= 0) await soak.endOne(one);
}

/**
 * Nothing is applied or in memory, and no thread runs but main ones: two such states can be
 * compared.
 */
async function settled() {
  for (const one of soak.subjects.slice(STAYING.length)) await soak.endOne(one);
  soak.subjects = [...staying];
  const targets = [];
  for (const subject of staying) {
    await subject.process.ask('rest');
    for (const { n, file } of [...patches.values()].reverse()) {
      const state = await tool('forget', subject.pid, file);
      if (state !== 'absent') soak.wrong(`${subject.name}: patch ${n} ${state}`);
      subject.note('revert', { n });
    }
    for (const mistake of await subject.examine(patches)) soak.wrong(mistake);
    targets.push([subject.name, await tool('measure', subject.pid)]);
  }
  const file = patches.get(2).file;
  const commands = commandsMemory(staying.at(-1).pid, file);
  const held = [...targets, ['the tool that stays', await tool('memory')], ...commands];
  for (const subject of staying) await subject.process.ask('go');
  return held;
}

async function roundsFor(ms) {
  let rounds = 0;
  for (const end = Date.now() + ms; Date.now() < end; rounds++) await round();
  return rounds;
}

const total = minutes * 60_000;
const warmUp = total / 6;
const begin = Date.now();
console.log(`${machine()}; ${new Date().toISOString()}; ${minutes} minutes, seed ${values.seed}`);
await roundsFor(warmUp);
const start = await settled();
let rounds = 0;
for (let left; (left = begin + total - Date.now()) > 0;) {
  rounds += await roundsFor(Math.min(left, 5 * 60_000));
  console.log(
    `${((Date.now() - begin) / 60_000).toFixed(0)} min: ${rounds} rounds since the start`,
  );
}
const end = await settled();

for (const [what, times] of Object.entries(soak.counts).sort())
  console.log(`${String(times).padStart(8)} × ${what}`);
const calls = staying.reduce((sum, one) => sum + one.calls, 0);
console.log(`${String(calls).padStart(8)} answers looked at inside the processes that stayed`);
const grown = compare(start, end);
printComparison(start, end, grown);
for (const subject of staying) {
  const code = await subject.process.end();
  if (code !== 0) soak.wrong(`${subject.name} ended with ${code}`);
}
await toolProcess.end();
console.log(
  `\n${rounds} rounds; ${soak.mistakes.length} wrong answers; growth: ${grown.length > 0 ? grown.join(', ') : 'none'}`,
);
const failed = grown.length > 0 || soak.mistakes.length > 0;
if (!failed) rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
