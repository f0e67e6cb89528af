/**
 * A process that executes a program over and over: patched, or gone; never the wrong program, never
 * one that stands.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { pid as asPid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { buildLibrary, patchOf, scenario, source, trigger, type Target } from './setting';
import { HANG_MS, TEST_MS, waitFor } from '../../../test-targets/harness/wait.cjs';

const TRIES = Number(process.env.ULP_TEST_TRIES ?? 12);
const LOOKS = 5000;
jest.setTimeout(TEST_MS + TRIES * 10_000);

async function look(target: Target) {
  const [rounds = 0, wrong = 0] = (await target.ask('')).split(' ').map(Number);
  return { rounds, wrong };
}

/** Threads of it that some tracer has. */
const traced = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).filter((tid) => {
    try {
      return !/^TracerPid:\s*0$/m.test(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'));
    } catch {
      return false; // it has ended
    }
  });

/** What is true of a program that has just begun, or of one that is gone. */
const REFUSAL = new RegExp(
  [
    '^0 ',
    '^4 .*it has ended or has executed another program',
    '^4 .*it (ends or )?executes a program',
    '^3 .*its constructor has not run',
    '^3 .*libpulp.so is not loaded',
    '^3 .*target library is not loaded',
  ].join('|'),
);

for (const [what, how] of [
  ['with libpulp.so', '-'],
  ['with libpulp.so, from another thread', 't'],
  ['with and without libpulp.so in turns', 'm'],
  ['with and without it, from another thread', 'tm'],
] as const)
  scenario(`a program that executes itself, ${what}`, async (s) => {
    const library = buildLibrary(s);
    const patch = patchOf(s, library, 'fix', 1000);
    const program = s.program(source('exec-loop.c'), [library]);
    const target = await s.start(program, { args: [how, '0', '0'] });
    const patched = new Set<boolean>();
    for (let turn = 0; turn < TRIES; turn++) {
      const { status, stderr } = trigger(target, patch, '--timeout', String(HANG_MS));
      patched.add(status === 0);
      expect(`${status} ${stderr}`).toMatch(REFUSAL);
      expect(traced(target.pid)).toEqual([]);
      const { rounds } = await look(target);
      await waitFor(
        `round ${rounds + 2}`,
        () => look(target),
        (now) => now.rounds >= rounds + 2,
        target,
      );
    }
    // Most of them are gone before the tool has begun.
    expect(patched).toContain(false);
    expect((await look(target)).wrong).toBe(0);
  });

scenario('one that executes itself without pause is never taken for gone', async (s) => {
  const program = s.program(source('exec-loop.c'), [buildLibrary(s)]);
  const target = await s.start(program, { args: ['to', '0', '0'] });
  const pid = asPid(target.pid);
  for (let look = 0; look < LOOKS; look++) {
    const process = openProcess(pid);
    expect(process.maps()).not.toEqual([]);
    expect(process.memory.pid).toBe(pid);
    process.close();
  }
});
