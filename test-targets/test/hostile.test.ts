/** Processes that lie to tools: each command ends by itself, in bounded memory, and says what it found in words that draw nothing. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { abiHeader } from '@ulp/core';
import { scenario, type Scenario } from '../harness/scenario';
import { Target } from '../harness/target';
import { BIN } from '../harness/tools';

/** Far above what any of these runs needs; a hang is a failure. */
const TIME_MS = 100_000;
const HEAP_MB = 256;
/** Line feeds stand between lines; nothing else that controls a terminal is printed. */
const DRAWS =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

function expectHarmless(tool: string, args: readonly string[]): { status: number; text: string } {
  const { status, signal, stdout, stderr } = spawnSync(join(BIN, tool), args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: TIME_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
  });
  const line = [tool, ...args].join(' ');
  expect({
    line,
    signal,
    known: [0, 1, 2, 3, 4, 5].includes(status ?? -1) ? true : [status, stderr],
  }).toEqual({
    line,
    signal: null,
    known: true,
  });
  expect(stdout).not.toMatch(DRAWS);
  expect(stderr).not.toMatch(DRAWS);
  if (args.includes('--json') && stdout !== '') JSON.parse(stdout);
  return { status: status ?? -1, text: stdout + stderr };
}

/** Every command, on one process. @returns what the apply said */
function allCommands(pid: string, patch: string): { status: number; text: string } {
  expectHarmless('ulp-trigger', [pid, patch, '--dry-run', '--json']);
  expectHarmless('ulp-check', [pid, patch, '--threads', '--json']);
  expectHarmless('ulp-inspect', [pid]);
  expectHarmless('ulp-inspect', [pid, '--json']);
  const applied = expectHarmless('ulp-trigger', [pid, patch, '--timeout', '1000']);
  expectHarmless('ulp-trigger', [pid, patch, '--revert', '--timeout', '1000', '--json']);
  expectHarmless('ulp-dispatcher', ['patch', patch, pid, '--timeout', '1000', '--json']);
  expectHarmless('ulp-check', [pid, patch, '--wait', '500']);
  return applied;
}

const build = (s: Scenario): { patch: string; program: string } => {
  writeFileSync(join(s.room, 'ulp_abi.h'), abiHeader());
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  const program = s.program('hostile/program.c', [library], [`-I${s.room}`]);
  return { patch, program };
};

/** What a process does, and how an apply to it ends where that is sure. */
for (const [how, exit] of [
  ['link-map-loops'],
  ['link-map-nowhere'],
  ['link-map-million'],
  ['endless-name', 0],
  ['names', 0],
  ['forged-answer', 3],
  ['state-flips'],
  ['patches-flip', 3],
  ['slots-flip'],
  ['wild-control', 3],
] as const)
  scenario(`no harm: ${how}`, async (s) => {
    const { patch, program } = build(s);
    const target = await Target.start(program, { args: [how] });
    try {
      const { status, text } = allCommands(`${target.pid}`, patch);
      if (exit !== undefined) expect({ status, text }).toMatchObject({ status: exit });
      if (exit === 3) expect(text).toContain('the memory of the process makes no sense');
    } finally {
      // What it has done to itself may end it in any way.
      target.kill();
    }
  });
