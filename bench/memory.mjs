#!/usr/bin/env node
/**
 * What libpulp.so and a live-patchable library add to a process: time to start, resident memory of
 * the process and of each thread. `node bench/memory.mjs [ROUNDS] [THREADS]`
 */
import { execFileSync } from 'node:child_process';
import { compile, machine, preload } from './lib.mjs';
import { liveLibrary, patch, plainLibrary, program } from './libraries.mjs';
import { withProgram } from './program.mjs';
import { resident, residentLibrary } from './resident.mjs';

const rounds = Number(process.argv[2] ?? 301);
const threads = Number(process.argv[3] ?? 64);
const libraries = {
  plain: plainLibrary('libplain', 'calls-library.c', 'plain'),
  live: liveLibrary('liblive', 'calls-library.c', 'live'),
};
const programs = Object.fromEntries(
  Object.entries(libraries).map(([name, library]) => [
    name,
    program(`memory-${name}`, 'memory.c', [library], `-DNAME=${name}`),
  ]),
);
const fix = patch('memory_patch', 'calls-patch.c', [
  [libraries.live, [['live_00', 'memory_patch_00']]],
]);
const libpulp = preload();

console.log(machine());

const startup = compile('startup', 'startup.c');
const [plain, plainPulp, live, livePulp] = execFileSync(
  startup,
  [String(rounds), libpulp, programs.plain, programs.live],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
)
  .trim()
  .split(' ')
  .map(Number);
console.log(`
µs from start to end of a process, medians of ${rounds}
                            plain library   live-patchable library
without libpulp.so          ${String(plain).padStart(13)}   ${String(live).padStart(22)}
with libpulp.so             ${String(plainPulp).padStart(13)}   ${String(livePulp).padStart(22)}
`);

/** Resident memory of a process before and after its threads come, and after a patch. */
async function sizes(name, env) {
  const all = {};
  await withProgram(programs[name], env, async (target) => {
    all.process = resident(target.pid);
    all.libpulp = residentLibrary(target.pid, 'libpulp.so');
    await target.ask(`threads ${threads}`);
    all.threads = resident(target.pid);
    if (name === 'live' && env.LD_PRELOAD) {
      target.apply(fix);
      all.patched = resident(target.pid);
    }
  });
  return all;
}
const env = { LD_PRELOAD: libpulp };
const base = await sizes('plain', {});
const rows = [
  ['plain', {}],
  ['plain', env],
  ['live', {}],
  ['live', env],
];
console.log(`KiB resident more than with a plain library and no libpulp.so: of this process alone + pages of files, which processes share
library, libpulp.so      process       of it libpulp.so   a thread (mean of ${threads})   the first patch`);
const pair = ({ anonymous, file }, { anonymous: a, file: f }) => `${anonymous - a} + ${file - f}`;
const nothing = { anonymous: 0, file: 0 };
for (const [name, extra] of rows) {
  const here = await sizes(name, extra);
  const perThread =
    (here.threads.anonymous -
      here.process.anonymous -
      (base.threads.anonymous - base.process.anonymous)) /
    threads;
  console.log(
    `${name.padEnd(6)} ${(extra === env ? 'loaded' : 'no').padEnd(17)} ${pair(here.process, base.process).padEnd(13)} ` +
      `${pair(here.libpulp, nothing).padEnd(18)} ${perThread.toFixed(1).padEnd(24)} ` +
      (here.patched ? pair(here.patched, here.threads) : ''),
  );
}
