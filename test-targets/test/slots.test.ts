import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { abi } from '@ulp/core';
import { TARGETS } from '../harness/build';
import { scenario, type Scenario } from '../harness/scenario';
import { takenSlots } from '../harness/slots';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';

async function prepare(s: Scenario): Promise<{ target: Target; patch: string }> {
  const library = s.library('slots/library.c', 'libslots.so');
  const patch = s.patch('slots/patch.c', 'fix', [[library, ['version:new_version']]]);
  return { target: await s.start(s.program('slots/program.c', [library])), patch };
}

/** As ulp-trigger does at the end of each request. */
const collect = (target: Target): unknown =>
  execFileSync('node', [join(TARGETS, 'harness/collect-often.mjs'), String(target.pid), '1']);

const inspected = (target: Target): string => runTool('ulp-inspect', [target.pid]).stdout;

scenario(
  'a thread for which no slot is left is pinned, and said to be, until it ends',
  async (s) => {
    const { target, patch } = await prepare(s);
    expect(await target.ask('version')).toBe('1');
    expect(await target.ask('fill')).toBe('1');
    expect(takenSlots(target.pid)).toBe(abi.SLOT_COUNT);
    expect(inspected(target)).not.toContain('ran out');

    const [tid, seen] = (await target.ask('guest comes')).split(' ');
    expect(seen).toBe('1');
    s.apply(target, patch);
    expect(await target.ask('version')).toBe('2');
    expect(await target.ask('guest calls')).toBe(`${tid} 1`);
    const { stdout } = s.check(target, patch, '--threads');
    expect(stdout).toMatch(new RegExp(`^ *${tid} .*pinned`, 'm'));
    expect(inspected(target)).toContain('return slots ran out 1 times');

    // What it may still call stays, however often one looks.
    expect(await target.ask('empty')).toBe('2');
    expect(takenSlots(target.pid)).toBe(1);
    s.revert(target, patch);
    collect(target);
    expect(target.maps()).toContain('fix.so');
    expect(await target.ask('guest calls')).toBe(`${tid} 1`);
    expect(await target.ask('guest leaves')).toBe('1');
    collect(target);
    expect(target.maps()).not.toContain('fix.so');

    // Whoever comes now gets a slot.
    s.apply(target, patch);
    expect((await target.ask('guest comes')).split(' ')[1]).toBe('2');
    s.revert(target, patch);
    expect((await target.ask('guest calls')).split(' ')[1]).toBe('1');
    expect(await target.ask('guest leaves')).toBe('1');
  },
);

scenario('the claim of a thread that has ended inside, unseen, is healed', async (s) => {
  const { target, patch } = await prepare(s);
  s.apply(target, patch);
  expect(await target.ask('vanish')).toBe('2');
  expect(takenSlots(target.pid)).toBe(2);
  s.revert(target, patch);
  expect(takenSlots(target.pid)).toBe(1);
  expect(target.maps()).not.toContain('fix.so');
});
