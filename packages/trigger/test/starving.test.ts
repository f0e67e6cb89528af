/**
 * The target gets no memory, whenever it asks for some: refused with that reason, nothing is
 * changed, and it works afterwards.
 */
import { readFileSync } from 'node:fs';
import { pid } from '@ulp/core';
import { readMetadata } from '@ulp/metadata';
import { openProcess } from '@ulp/ptrace-ffi';
import { applyPatch, revertPatch } from '../src';
import { asRoot, buildLibrary, patchOf, scenario, source, type Scenario } from './setting';
import { outputOf } from '../../../test-targets/harness/programs.cjs';
import { HANG_MS } from '../../../test-targets/harness/wait.cjs';

async function prepare(s: Scenario) {
  const library = buildLibrary(s);
  const target = await s.start(s.program(source('starving.c'), [library]));
  const patch = readMetadata(patchOf(s, library, 'fix', 1000));
  const process = openProcess(pid(target.pid), { writable: true });
  /** @returns why it was refused; undefined: it was not */
  const attempt = async (change: typeof applyPatch): Promise<string | undefined> => {
    try {
      await change(process, patch, { timeoutMs: HANG_MS });
      return undefined;
    } catch (error) {
      return String(error);
    }
  };
  const says = async (): Promise<number> => Number(await target.ask('answer'));
  return { target, attempt, says, close: () => process.close() };
}

/** Once: the loader of glibc may say instead that a file is missing. */
for (const [how, reason] of [
  ['once', /refuses the patch \(.*; nothing was changed\)/],
  ['ever', /refuses the patch \(.*memory.*; nothing was changed\)/],
] as const)
  scenario(`malloc gives none, ${how}`, async (s) => {
    const { target, attempt, says, close } = await prepare(s);
    for (let round = 0; round < 2; round++)
      for (const [change, before, after] of [
        [applyPatch, 2, 1001],
        [revertPatch, 1001, 2],
      ] as const) {
        let refused = 0;
        for (let isDone = false; !isDone;) {
          await target.ask(`fail ${refused + 1} ${how}`);
          const refusal = await attempt(change);
          isDone = refusal === undefined;
          if (!isDone) refused++;
          await target.ask('heal');
          if (!isDone) expect(refusal).toMatch(reason);
          expect(await says()).toBe(isDone ? after : before);
        }
        expect(refused).toBeGreaterThanOrEqual(2);
      }
    close();
  });

const PAGE = 4096;
const STEP = 2 * PAGE;

for (const [option, counted] of [
  ['--as', 'VmSize'],
  ['--data', 'VmData'],
] as const)
  asRoot(scenario)(`the kernel gives none: ${option} at every ${STEP} bytes`, async (s) => {
    const { target, attempt, says, close } = await prepare(s);
    const status = readFileSync(`/proc/${target.pid}/status`, 'utf8');
    const has = 1024 * Number(new RegExp(`^${counted}:\\s*(\\d+)`, 'm').exec(status)?.[1]);
    const limit = (bytes: number | string): void =>
      void outputOf('prlimit', ['--pid', String(target.pid), `${option}=${bytes}:`]);
    let refused = 0;
    for (let more = 0, isDone = false; !isDone; more += STEP) {
      limit(has + more);
      const refusal = await attempt(applyPatch);
      isDone = refusal === undefined;
      if (!isDone) {
        refused++;
        expect(refusal).toMatch(
          /perhaps a limit \(RLIMIT_AS, RLIMIT_DATA\).*; nothing was changed/,
        );
      }
      expect(await says()).toBe(isDone ? 1001 : 2);
    }
    expect(refused).toBeGreaterThan(1);
    limit('unlimited');
    expect(await attempt(revertPatch)).toBeUndefined();
    expect(await says()).toBe(2);
    close();
  });
