import { join } from 'node:path';
import { abi } from '@ulp/core';
import { checkSchema } from '@ulp/trigger/schema';
import { TARGETS } from '../harness/build';
import { scenario, type Scenario } from '../harness/scenario';
import { takenSlots } from '../harness/slots';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';
import { outputOf } from '../harness/programs.cjs';

async function prepare(s: Scenario): Promise<{ target: Target; library: string; patch: string }> {
  const library = s.library('slots/library.c', 'libslots.so');
  const patch = s.patch('slots/patch.c', 'fix', [[library, ['version:new_version']]]);
  return { target: await s.start(s.program('slots/program.c', [library])), library, patch };
}

/** As ulp-trigger does at the end of each request. */
const collect = (target: Target): unknown =>
  outputOf('node', [join(TARGETS, 'harness/collect-often.mjs'), String(target.pid), '1']);

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

scenario('more pinned threads than are noted: nobody says that all have migrated', async (s) => {
  const { target, patch } = await prepare(s);
  await target.ask('fill');
  expect(await target.ask('crowd comes')).toBe('1');
  s.apply(target, patch);
  const { status, stdout } = s.check(target, patch, '--json');
  expect(status).toBe(0);
  expect(checkSchema.parse(JSON.parse(stdout))).toMatchObject({
    migrated: false,
    incomplete: true,
  });
  const late = s.check(target, patch, '--wait', '1');
  expect(late.status).toBe(5);
  expect(late.stderr).toContain('more threads were pinned inside than are noted');

  expect(await target.ask('crowd leaves')).toBe('2');
  expect(await target.ask('empty')).toBe('2');
  s.revert(target, patch);
  // What any of them might call stays in memory.
  collect(target);
  expect(target.maps()).toContain('fix.so');
  expect(await target.ask('version')).toBe('1');
});

scenario('a constructor of a patch calls the library, in a thread of each request', async (s) => {
  const { target, library } = await prepare(s);
  const args = ['-DCONSTRUCTOR'];
  const patches = ['first', 'second'].map((name) =>
    s.patch('slots/patch.c', name, [[library, ['version:new_version']]], { args }),
  );
  expect(await target.ask('version')).toBe('1');
  for (const patch of [...patches, ...patches]) {
    s.apply(target, patch);
    expect(takenSlots(target.pid)).toBe(1);
    expect(await target.ask('version')).toBe('2');
    s.revert(target, patch);
  }
});

scenario('the call of a thread whose slot its child of vfork has taken is kept', async (s) => {
  const { target, patch } = await prepare(s);
  expect(await target.ask('parent comes')).toBe('1');
  expect(takenSlots(target.pid)).toBe(2);
  for (let i = 0; i < 2; i++) {
    s.apply(target, patch);
    s.revert(target, patch);
  }
  expect(takenSlots(target.pid)).toBe(2);
  s.apply(target, patch);
  expect(s.check(target, patch).stdout).toContain('1 suspended call(s) of threads that have ended');
  expect((await target.ask('guest comes')).split(' ')[1]).toBe('2');
  expect(await target.ask('guest leaves')).toBe('2');
  expect(await target.ask('parent leaves')).toBe('2');
  expect(s.check(target, patch).stdout).toContain('all threads see it');
  expect(takenSlots(target.pid)).toBe(1);
});
