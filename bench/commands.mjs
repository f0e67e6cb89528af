#!/usr/bin/env node
/**
 * Whole commands in pairs with `node -e 0`: wall time, its ratio, that of the processor time, which
 * is steadier on a busy machine, peak memory. `node bench/commands.mjs [RUNS] [PROCESSES]`
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, compile, machine, pairs, room, root } from './lib.mjs';
import { buildTarget, start, until } from './target.mjs';

const runs = Number(process.argv[2] ?? 15);
const processes = Number(process.argv[3] ?? 200);
const { library, description, metadata } = buildTarget();
const program = compile('idle', 'idle.c', library, `-Wl,-rpath,${room}`);

const targets = Array.from({ length: processes }, () => start(program, []));
await until(() =>
  targets.every(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/maps`, 'utf8').includes('libbench.so');
    } catch {
      return false;
    }
  }),
);
const pid = String(targets[0].pid);
execFileSync(bin('ulp-trigger'), [pid, metadata], { stdio: 'ignore' });

const node = [process.execPath, '-e', '0'];
const rows = [
  ['ulp-check', [bin('ulp-check'), pid, metadata]],
  ['ulp-trigger, applied already', [bin('ulp-trigger'), pid, metadata]],
  ['ulp-inspect PID', [bin('ulp-inspect'), pid]],
  ['ulp-dump', [bin('ulp-dump'), metadata]],
  ['ulp-packer', [bin('ulp-packer'), description, '-o', join(room, 'again.ulp')]],
  ['ulp-dynsym-gate', [bin('ulp-dynsym-gate'), library, '-o', join(room, 'again.so')]],
  [`ulp-dispatcher check, ${processes} processes`, [bin('ulp-dispatcher'), 'check', metadata]],
];
const libxml2 = join(root, 'test-targets/build/real/libxml2/xmlBuildQName.dsc');
if (existsSync(libxml2))
  rows.push(['ulp-packer for libxml2', [bin('ulp-packer'), libxml2, '-o', join(room, 'xml.ulp')]]);

console.log(`${machine()}; medians of ${runs} pairs`);
console.log(`${'command'.padEnd(40)}     ms  × node -e 0  × its processor time  peak MiB  exit`);
function print(name, { a, ratio, cpuRatio }) {
  console.log(
    `${name.padEnd(40)} ${a.ms.toFixed(0).padStart(6)}  ${ratio.toFixed(2).padStart(11)}  ${cpuRatio.toFixed(2).padStart(20)}  ${a.mib.toFixed(0).padStart(9)}  ${a.status}`,
  );
}
for (const [name, command] of rows)
  print(
    name,
    pairs(
      () => command,
      () => node,
      runs,
    ),
  );
// Each run must have something to do: apply, revert, apply …
let applied = true;
const toggle = () => {
  applied = !applied;
  return [bin('ulp-trigger'), pid, metadata, ...(applied ? [] : ['--revert'])];
};
print(
  'ulp-trigger, apply or revert',
  pairs(toggle, () => node, runs),
);
for (const target of targets) target.stdin.end();
