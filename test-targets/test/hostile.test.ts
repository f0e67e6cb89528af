/**
 * Processes that lie to tools: each command ends by itself, in bounded memory, and says what it
 * found in words that draw nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hostile } from '../harness/hostile';
import { scenario } from '../harness/scenario';
import { Target } from '../harness/target';

/**
 * What a process does, and how an apply to it ends where that is sure; what is said where the
 * loader's list is asked.
 */
for (const [how, exit, list] of [
  ['link-map-loops', undefined, /the loader's list of libraries has a loop or no end$/m],
  ['link-map-nowhere', undefined, /makes no sense: expected 40 bytes of a link_map at 0xffff8/],
  ['link-map-million', undefined, /the loader's list of libraries has a loop or no end$/m],
  ['r-debug-nowhere', 0, /makes no sense: expected 48 bytes of r_debug at 0xdead0/],
  ['r-debug-loops', 0, /the loader's list of libraries has a loop or no end$/m],
  ['endless-name', 0, /expected a library's name of at most 4096 bytes/],
  ['names', 0],
  ['forged-answer', 3],
  ['state-flips'],
  ['patches-flip', 3],
  ['slots-flip'],
  ['wild-control', 3],
  ['images-many', 3, /makes no sense: expected at most 8192 programs and libraries$/m],
] as const)
  scenario(`no harm: ${how}`, async (s) => {
    const hostile = new Hostile(s);
    const target = await Target.start(hostile.program('memory'), { args: [how, hostile.library] });
    try {
      const { status, text, none } = hostile.runAll(target.pid);
      if (list) expect(none).toMatch(list);
      if (exit !== undefined) expect({ status, text }).toMatchObject({ status: exit });
      if (exit === 3) expect(text).toContain('the memory of the process makes no sense');
    } finally {
      // What it has done to itself may end it in any way.
      target.kill();
    }
  });

scenario('no harm: a request buffer that is a file of others', async (s) => {
  const hostile = new Hostile(s);
  const shared = join(s.room, 'shared');
  const content = Buffer.alloc(1 << 20, 'x');
  writeFileSync(shared, content);
  const target = await s.start(hostile.program('memory'), { args: ['shared-request', shared] });
  const { status, text } = hostile.runAll(target.pid);
  expect({ status, text }).toMatchObject({ status: 3 });
  expect(text).toMatch(/ulp_control\.request: the memory of the process makes no sense: expected /);
  expect(readFileSync(shared).equals(content)).toBe(true);
  expect(await target.ask('changes')).toBe('same');
  expect(await target.ask('answer')).toBe('2');
});
