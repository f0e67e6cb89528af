/**
 * Processes that are traced by their own, stopped, interrupted and changed without pause: patched,
 * or refused in time; nobody is held.
 */
import { openProcess } from '@ulp/ptrace-ffi';
import { pid as asPid } from '@ulp/core';
import { candidates } from '@ulp/trigger/internals';
import { Hostile, heldThreads } from '../harness/hostile';
import { scenario } from '../harness/scenario';
import { Target } from '../harness/target';

const TRACED = /another process traces it: found tracer \d+ .*$/m;

for (const how of ['traced-by-child', 'sibling-traced'])
  scenario(`no harm: ${how}`, async (s) => {
    const hostile = new Hostile(s);
    const target = await s.start(hostile.program('disturbed'), { args: [how] });
    const { status, text } = hostile.runAll(target.pid);
    expect({ status, text }).toEqual({ status: 4, text: expect.stringMatching(TRACED) as string });
    expect(await target.ask('answer')).toBe('2');
    expect(await target.ask('calm')).toBe('calm');
    s.apply(target, hostile.patch);
    expect(await target.ask('answer')).toBe('1001');
  });

scenario('no harm: an execve that does not end keeps whoever would attach waiting', async (s) => {
  const hostile = new Hostile(s);
  const target = await Target.start(hostile.program('disturbed'), { args: ['exec-held'] });
  try {
    const { status, text } = hostile.runAll(target.pid);
    expect({ status, text }).toEqual({ status: 4, text: expect.stringMatching(TRACED) as string });
    // Who holds it up may be out of sight, in another pid namespace.
    const process = openProcess(asPid(target.pid));
    expect(candidates(process)).toEqual([]);
    process.close();
  } finally {
    target.kill();
  }
});

for (const how of ['stopped-and-continued', 'flooded', 'mappings-change', 'look-alikes'])
  scenario(`no harm: ${how}`, async (s) => {
    const hostile = new Hostile(s);
    const args = [how, hostile.library];
    const target = await s.start(hostile.program('disturbed'), { args });
    const { status, text } = hostile.runAll(target.pid);
    // Stopped, or changed between two looks, at that very moment; or not borrowed in time.
    if (![0, 5].includes(status))
      expect(text).toMatch(/it is stopped by job control|the memory of the process makes no sense/);
    expect(await target.ask('calm')).toBe('calm');
    expect(heldThreads(target.pid)).toEqual([]);
    // A run without harm is one after which all is possible.
    s.apply(target, hostile.patch);
    expect(await target.ask('answer')).toBe('1001');
    s.revert(target, hostile.patch);
    expect(await target.ask('answer')).toBe('2');
  });
