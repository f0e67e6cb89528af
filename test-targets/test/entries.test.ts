import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { forsakenSlots, takenSlots } from '../harness/slots';
import { BIN, succeed } from '../harness/tools';
import { outputOf, runBeside } from '../harness/programs.cjs';
import { makeFifo } from '../harness/fifo';

async function prepare(s: Scenario): Promise<{ target: Target; patch: string; library: string }> {
  const library = s.library('entries/library.c', 'libentries.so');
  const patch = s.patch('entries/patch.c', 'fix', [[library, ['value:new_value']]]);
  const target = await s.start(s.program('entries/program.c', [library]));
  return { target, patch, library };
}

scenario(
  'a coroutine that is suspended inside keeps its universe, its thread does not',
  async (s) => {
    const { target, patch } = await prepare(s);
    expect(await target.ask('suspend')).toBe('11'); // inside 1, outside 1
    s.apply(target, patch);
    expect(await target.ask('value')).toBe('2');
    expect(await target.ask('resume')).toBe('1 then 1, outside 2');
    expect(await target.ask('suspend')).toBe('22');
    s.revert(target, patch);
    expect(target.maps()).toContain('fix.so'); // the coroutine is still inside
    expect(await target.ask('resume')).toBe('2 then 2, outside 1');
    s.revert(target, patch);
    expect(target.maps()).not.toContain('fix.so');
  },
);

scenario(
  'a coroutine that is switched without pause keeps the patch that it is inside of',
  async (s) => {
    const { target, patch } = await prepare(s);
    s.apply(target, patch);
    expect(await target.ask('turn')).toBe('turning');
    s.revert(target, patch);
    const often = join(TARGETS, 'harness/collect-often.mjs');
    outputOf(process.execPath, [often, String(target.pid), '300']);
    expect(target.maps()).toContain('fix.so');
    expect(await target.ask('value')).toBe('1');
    expect(await target.ask('stop')).toBe('2, else 0');
    s.revert(target, patch);
    expect(target.maps()).not.toContain('fix.so');
  },
);

scenario('a coroutine that is switched without pause is seen to be inside', async (s) => {
  const { target, patch } = await prepare(s);
  expect(await target.ask('turn')).toBe('turning');
  s.apply(target, patch);
  for (let i = 0; i < 40; i++) {
    const { stdout } = s.check(target, patch, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ applied: true, migrated: false });
  }
  expect(await target.ask('stop')).toBe('1, else 0');
  const { status } = s.check(target, patch, '--wait', '10000');
  expect(status).toBe(0);
});

scenario('threads that end under signals leave no return slots behind', async (s) => {
  const { target } = await prepare(s);
  expect(await target.ask('value')).toBe('1');
  const slots = takenSlots(target.pid);
  expect(await target.ask('end threads')).toBe('ended');
  expect(takenSlots(target.pid)).toBe(slots);
  expect(forsakenSlots(target.pid)).toBeLessThanOrEqual(1); // of the last thread
});

scenario('a child of fork has the patch, and is patched and reverted by itself', async (s) => {
  const { target, patch } = await prepare(s);
  s.apply(target, patch);
  expect(await target.ask('value')).toBe('2');
  const parent = target.pid;
  const slots = takenSlots(parent);
  expect(await target.ask('thread')).toBe('started');
  expect(takenSlots(parent)).toBe(slots + 1);
  expect(await target.ask('fork')).toBe('child');
  const child = Number(await target.ask('pid'));
  expect(takenSlots(child)).toBe(slots); // that thread is not in the child
  expect(child).not.toBe(parent);
  expect(await target.ask('value')).toBe('2');
  succeed('ulp-trigger', child, patch, '--revert');
  expect(await target.ask('value')).toBe('1');
  succeed('ulp-trigger', child, patch);
  expect(await target.ask('value')).toBe('2');
  succeed('ulp-trigger', child, patch, '--revert');
  expect(await target.ask('end')).toBe('3'); // said by the parent: the child ended as it was told
  expect(existsSync(`/proc/${child}`)).toBe(false);
  expect(await target.ask('value')).toBe('2');
  s.revert(target, patch);
  expect(await target.ask('value')).toBe('1');
});

scenario('a child that is born while the helper works is patched by itself', async (s) => {
  const { target, patch, library } = await prepare(s);
  const fifo = makeFifo(join(s.room, 'fifo'));
  const slow = s.patch(
    'entries/slow-patch.c',
    'slow',
    [[library, ['tail_target:new_tail_target']]],
    {
      args: [`-DFIFO="${fifo}"`],
    },
  );
  const tool = runBeside(join(BIN, 'ulp-trigger'), [target.pid, slow]);
  const writer = await open(fifo, 'w'); // when the helper, in the constructor, has opened it too
  expect(await target.ask('fork')).toBe('child');
  const child = Number(await target.ask('pid'));
  succeed('ulp-trigger', child, patch);
  expect(await target.ask('value')).toBe('2');
  expect(await target.ask('tail')).toBe('2005');
  succeed('ulp-trigger', child, patch, '--revert');
  expect(await target.ask('value')).toBe('1');
  await writer.close();
  expect(await tool).toMatchObject({ status: 0 });
  expect(await target.ask('end')).toBe('3');
  expect(await target.ask('tail')).toBe('7005');
  s.revert(target, slow);
  expect(await target.ask('tail')).toBe('1005');
});

scenario('a library that comes by dlopen is patched, and stays while it is', async (s) => {
  const { target } = await prepare(s);
  const other = s.library('entries/other.c', 'libother.so');
  const patch = s.patch('entries/patch.c', 'other-fix', [[other, ['other_value:new_value']]]);
  expect(await target.ask(`dlopen ${other}`)).toBe('loaded');
  expect(await target.ask('other')).toBe('10');
  s.apply(target, patch);
  expect(await target.ask('other')).toBe('2');
  expect(await target.ask('dlclose')).toBe('closed');
  expect(target.maps()).toContain('libother.so'); // pinned by the patch
  expect(await target.ask(`dlopen ${other}`)).toBe('loaded');
  expect(await target.ask('other')).toBe('2');
  s.revert(target, patch);
  expect(await target.ask('other')).toBe('10');
  expect(await target.ask('dlclose')).toBe('closed');
  expect(target.maps()).not.toContain('libother.so');
  expect(await target.ask('value')).toBe('1');
});
