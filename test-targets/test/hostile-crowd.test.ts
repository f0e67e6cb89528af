/** All processes at once: what some of them do keeps no command from the others. */
import { dispatcherSchema } from '@ulp/dispatcher/schema';
import { inspectSchema } from '@ulp/ptrace-ffi/schema';
import { Hostile } from '../harness/hostile';
import { scenario } from '../harness/scenario';
import { Target } from '../harness/target';
import { SLOWNESS } from '../harness/wait.cjs';

/**
 * Program and arguments; `silent`: it has no library or no runtime that anybody could know it by.
 */
const CROWD: readonly (readonly [program: string, args: readonly string[], silent?: 'silent'])[] = [
  ['memory', ['forged-answer']],
  ['memory', ['state-flips']],
  ['memory', ['patches-flip']],
  ['memory', ['slots-flip']],
  ['memory', ['wild-control']],
  ['memory', ['link-map-loops']],
  ['memory', ['endless-name']],
  ['memory', ['names']],
  ['images', ['image', 'libsimple.so', 'memsz-huge']],
  ['images', ['image', 'libsimple.so', 'phoff-nowhere'], 'silent'],
  ['images', ['image', 'libpulp.so', 'note-leads-nowhere']],
  ['images', ['image', 'libpulp.so', 'note-name-huge']],
  ['gadget', ['loops']],
  ['gadget', ['faults']],
  ['gadget', ['executes']],
  ['disturbed', ['traced-by-child']],
  ['disturbed', ['exec-held']],
  ['disturbed', ['stopped-and-continued']],
  ['disturbed', ['look-alikes']],
];
/** Each may use up the time of a change, 10 s. */
const RUN_MS = 400_000 * SLOWNESS;
jest.setTimeout(3 * RUN_MS);

scenario('nobody in the crowd keeps a good process from being patched and shown', async (s) => {
  const hostile = new Hostile(s);
  const { library, patch } = hostile;
  const programs = new Map(
    [...new Set(CROWD.map(([name]) => name))].map((name) => [name, hostile.program(name)]),
  );
  const good = [await s.start(s.program('simple/program.c', [library]))];
  const crowd: Target[] = [];
  try {
    for (const [program, args] of CROWD)
      crowd.push(await Target.start(programs.get(program) ?? '', { args }));
    // Before them, and behind them.
    good.push(await s.start(s.program('simple/program.c', [library])));

    const inspected = hostile.run('ulp-inspect', ['--json'], RUN_MS);
    const shown = inspectSchema.parse(JSON.parse(inspected.stdout)).processes.map((p) => p.pid);
    expect(shown).toEqual(expect.arrayContaining(good.map(({ pid }) => pid)));

    const run = hostile.run('ulp-dispatcher', ['patch', patch, '--json'], RUN_MS);
    expect(run.status).toBe(1);
    const { processes, unreadable } = dispatcherSchema.parse(JSON.parse(run.stdout));
    for (const target of good) {
      expect(processes.find(({ pid }) => pid === target.pid)).toMatchObject({
        state: 'applied',
        changed: true,
        error: null,
      });
      expect(await target.ask('answer')).toBe('1001');
    }
    const reported = new Set([...processes.map(({ pid }) => pid), ...unreadable]);
    const missing = CROWD.filter(([, , silent], i) => !silent && !reported.has(crowd[i]?.pid ?? 0));
    expect(missing).toEqual([]);
    expect(processes.map(({ error }) => error?.code)).not.toContain('defect');

    const check = hostile.run('ulp-dispatcher', ['check', patch], RUN_MS);
    for (const target of good)
      expect(check.stdout).toMatch(new RegExp(`^ *${target.pid} .*applied`, 'm'));
  } finally {
    for (const target of crowd) target.kill();
  }
});
