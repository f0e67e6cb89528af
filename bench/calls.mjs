#!/usr/bin/env node
/**
 * A call into a live-patchable library against one into a plain library, in pairs, in one process:
 * without libpulp.so, with it, patched, and patched twice. `node bench/calls.mjs [ROUNDS]`
 */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bin, compile, machine, room } from './lib.mjs';

const rounds = Number(process.argv[2] ?? 31);
const tool = (name, ...args) => execFileSync(bin(name), args, { encoding: 'utf8' }).trim();
const flags = (what) => tool('ulp-runtime', what).split(' ');
const shared = (name) => ['-shared', '-fPIC', `-Wl,-soname,${name}.so`];

const plain = compile('libplain.so', 'calls-library.c', ...shared('libplain'), '-DNAME=plain');
const live = compile(
  'liblive.so',
  'calls-library.c',
  ...shared('liblive'),
  '-DNAME=live',
  ...flags('cflags'),
  ...flags('ldflags'),
);
tool('ulp-dynsym-gate', live);
const program = compile('calls', 'calls.c', plain, live, `-Wl,-rpath,${room}`);

function patch(name) {
  const so = compile(
    `${name}.so`,
    'calls-patch.c',
    '-shared',
    '-fPIC',
    '-Wl,--build-id',
    `-DNAME=${name}`,
  );
  const description = join(room, `${name}.dsc`);
  writeFileSync(description, `${so}\n@${live}\nlive_empty:new_empty\n`);
  tool('ulp-packer', description, '-o', join(room, `${name}.ulp`));
  return join(room, `${name}.ulp`);
}

async function run(env, phases) {
  const child = spawn(program, [], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  for (const [name, prepare] of phases) {
    prepare(String(child.pid));
    child.stdin.write(`measure ${rounds}\n`);
    const [p, l, pn, ln] = (await lines.next()).value.split(' ').map(Number);
    const cell = (a, b) =>
      `${a.toFixed(2).padStart(6)} ${b.toFixed(2).padStart(6)} ${(b - a).toFixed(2).padStart(6)}`;
    console.log(`${name.padEnd(26)} ${cell(p, l)}   ${cell(pn, ln)}`);
  }
  child.stdin.end();
}

console.log(`${machine()}; ns a call, medians of ${rounds} pairs`);
console.log(`${''.padEnd(26)} ${'outermost'.padEnd(20)}   nested`);
console.log(`${''.padEnd(26)} ${' plain   live   more'}    plain   live   more`);
const nothing = () => undefined;
await run({}, [['without libpulp.so', nothing]]);
const [first, second] = [patch('calls-patch1'), patch('calls-patch2')];
await run({ LD_PRELOAD: tool('ulp-runtime', 'path', 'libpulp.so') }, [
  ['tracked', nothing],
  ['tracked, patched', (pid) => tool('ulp-trigger', pid, first)],
  ['tracked, patched twice', (pid) => tool('ulp-trigger', pid, second)],
  [
    'tracked, reverted',
    (pid) => {
      tool('ulp-trigger', pid, second, '--revert');
      tool('ulp-trigger', pid, first, '--revert');
    },
  ],
]);
