/**
 * Files and memory that never answer: FUSE whose daemon withholds every page, userfaultfd(2) that
 * nobody serves. A tool that asked for one could not even be killed; so it must not ask. Were it
 * to, the daemon would give up after a while, and have counted.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isRoot, onlyWhere } from '../harness/as-root';
import { Hostile } from '../harness/hostile';
import { scenario, type Scenario } from '../harness/scenario';
import { Target } from '../harness/target';

const canOpen = (path: string): boolean => {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

const withFuse = onlyWhere(isRoot && canOpen('/dev/fuse'), 'without root or /dev/fuse');

async function meet(
  s: Scenario,
  kind: string,
  more: readonly string[],
  look: (hostile: Hostile, target: Target) => Promise<void>,
): Promise<void> {
  const hostile = new Hostile(s);
  const args = ['silent', kind, ...more];
  const target = await Target.start(hostile.program('silent'), { args });
  try {
    await look(hostile, target);
    expect(await target.ask('asked')).toBe('0');
  } finally {
    // Its daemon ends with it, and with the daemon the file system.
    target.kill();
  }
}

const directories = (s: Scenario): string[] =>
  ['silent', 'empty', 'over'].map((name) => {
    mkdirSync(join(s.room, name));
    return join(s.room, name);
  });

const NEED_NOT_ANSWER = /file system that (its owner may keep from answering|need not answer)/;

for (const kind of ['code', 'code-below-an-overlay', 'code-detached', 'request'])
  withFuse(scenario)(`withheld: ${kind}`, (s) =>
    meet(s, kind, directories(s), async (hostile, target) => {
      const { status, text } = hostile.runAll(target.pid);
      expect({ status, text }).toEqual({
        status: 3,
        text: expect.stringMatching(NEED_NOT_ANSWER) as string,
      });
      expect(await target.ask('changes')).toBe('same');
    }),
  );

withFuse(scenario)('withheld: data that no tool needs', (s) =>
  meet(s, 'data', directories(s), async (hostile, target) => {
    s.apply(target, hostile.patch);
    expect(await target.ask('answer')).toBe('1001');
    s.revert(target, hostile.patch);
    expect(await target.ask('answer')).toBe('2');
    hostile.runAll(target.pid);
  }),
);

withFuse(scenario)("withheld: the loader's list", (s) =>
  meet(s, 'link-map', directories(s), async (hostile, target) => {
    const { stderr } = hostile.run('ulp-check', [String(target.pid), hostile.patchOfNone]);
    expect(stderr).toMatch(NEED_NOT_ANSWER);
  }),
);

withFuse(scenario)('withheld: the patch', (s) =>
  meet(s, 'the-patch', [s.room], async (hostile, target) => {
    for (const more of [['--dry-run'], []]) {
      const args = [String(target.pid), hostile.patch, ...more];
      const { stderr } = hostile.run('ulp-trigger', args, undefined, [2]);
      expect(stderr).toMatch(NEED_NOT_ANSWER);
    }
    expect(await target.ask('changes')).toBe('same');
  }),
);

// userfaultfd(2) takes root, or a setting, where faults in the kernel are meant to wait as well.
onlyWhere(isRoot, 'without root')(scenario)('pages that nobody fills', (s) =>
  meet(s, 'faults', [], async (hostile, target) => {
    const { status, text } = hostile.runAll(target.pid);
    expect({ status, text }).toMatchObject({ status: 3 });
    expect(text).toMatch(/expected [0-9]+ bytes of .*, found no such memory/);
    expect(await target.ask('changes')).toBe('same');
  }),
);

withFuse(scenario)('one process does not answer at all: the others have their turn', async (s) => {
  const hostile = new Hostile(s);
  const honest = await s.start(s.program('simple/program.c', [hostile.library]));
  const args = ['silent', 'lock', ...directories(s)];
  const silent = await Target.start(hostile.program('silent'), { args });
  const later = await s.start(s.program('simple/program.c', [hostile.library]));
  try {
    const { stdout, stderr } = hostile.run('ulp-dispatcher', ['patch', hostile.patch, '--json']);
    const { processes, unreadable } = JSON.parse(stdout) as {
      processes: { pid: number; state: string }[];
      unreadable: number[];
    };
    const states = new Map(processes.map(({ pid, state }) => [pid, state]));
    expect([honest, later].map(({ pid }) => states.get(pid))).toEqual(['applied', 'applied']);
    expect(states.get(silent.pid)).toBeUndefined();
    expect(unreadable).toContain(silent.pid);
    expect(stderr).toContain('do not answer, so not looked at');
    expect(await honest.ask('answer')).toBe('1001');
    expect(await later.ask('answer')).toBe('1001');
  } finally {
    await silent.ask('calm');
    silent.kill();
  }
});
