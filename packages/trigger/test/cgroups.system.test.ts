/** Control groups, of both versions: a frozen process, no memory left, no process more. */
import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectNoTrace, expectPatched } from './no-trace';
import { asRoot, BIN, buildLibrary, patchOf, scenario, source, trigger } from './setting';
import type { Scenario, Target } from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';
import { callOf, stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

const ROOT = '/sys/fs/cgroup';
const NAME = `ulp-test-${process.pid}`;

interface Group {
  read(file: string): string;
  write(file: string, value: string | number): void;
  /** A program that begins in it. */
  start(program: string): Promise<Target>;
  /** Its processes are led out of it first. */
  remove(): void;
}

/**
 * A new group in a hierarchy that is mounted for this test alone; the hierarchy itself is the
 * machine's.
 * @param kind of the first version, a controller; or the second version (`cgroup2`)
 * @returns undefined when this kernel has no such hierarchy to give, which is printed
 */
async function groupOf(s: Scenario, kind: string, file: string): Promise<Group | undefined> {
  const folder = join(s.room, kind);
  mkdirSync(folder, { recursive: true });
  const type = kind === 'cgroup2' ? '-t cgroup2' : `-t cgroup -o ${kind}`;
  const script = `mount ${type} none "$0" && echo ready && exec cat`;
  const tried = runProgram('unshare', ['-m', 'sh', '-c', `mount ${type} none "$0"`, folder]);
  if (tried.status !== 0) {
    console.warn(`skipped: no hierarchy of ${kind} here: ${tried.stderr.toString()}`);
    return undefined;
  }
  const holder = await s.start('unshare', { bare: true, args: ['-m', 'sh', '-c', script, folder] });
  const group = `/proc/${holder.pid}/root${folder}/${NAME}`;
  mkdirSync(group);
  const read = (name: string): string => readFileSync(join(group, name), 'utf8');
  const write = (name: string, value: string | number): void =>
    writeFileSync(join(group, name), String(value));
  try {
    read(file);
  } catch {
    rmdirSync(group);
    console.warn(`skipped: groups of ${kind} have no ${file} here`);
    return undefined;
  }
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$1"';
  const remove = (): void => {
    for (const pid of read('cgroup.procs').split('\n').filter(Boolean))
      writeFileSync(join(group, '../cgroup.procs'), pid);
    rmdirSync(group);
  };
  const start = (program: string) => s.start('sh', { args: ['-c', enter, group, program] });
  return { read, write, start, remove };
}

function prepare(s: Scenario) {
  const library = buildLibrary(s);
  return {
    program: s.program(source('program.c'), [library]),
    patch: patchOf(s, library, 'fix', 1000),
  };
}

/** A tool that sees no control groups. */
const triggerBlind = (target: Target, patch: string, ...more: string[]) => {
  const script = `mount -t tmpfs none ${ROOT} && exec "$0" "$@"`;
  const args = [join(BIN, 'ulp-trigger'), `${target.pid}`, patch, ...more];
  return runProgram('unshare', ['-m', 'sh', '-c', script, ...args], { encoding: 'utf8' });
};

/**
 * Waits until a process does nothing by itself: it sleeps in read(2), and no other thread runs.
 * At its limit of memory, the kernel ends a process that asks for a page: for itself, or for the
 * answer that it sends.
 */
const atRest = ({ pid }: Target): Promise<unknown> =>
  waitFor(
    'a process at rest, in read(2)',
    () => ({ call: callOf(pid), states: readdirSync(`/proc/${pid}/task`).map((t) => stateOf(t)) }),
    ({ call, states }) => call === '0' && states.every((state) => state === 'S'),
    { pid },
  );

/** Is its group among those that a tool sees? */
const isVisible = (): boolean =>
  runProgram('sh', ['-c', `ls -d ${ROOT}/${NAME} ${ROOT}/*/${NAME}`]).stdout.length > 0;

for (const [kind, file, frozen, thawed, isFrozen] of [
  [
    'cgroup2',
    'cgroup.freeze',
    '1',
    '0',
    (g: Group) => g.read('cgroup.events').includes('frozen 1'),
  ],
  [
    'freezer',
    'freezer.state',
    'FROZEN',
    'THAWED',
    (g: Group) => g.read('freezer.state') === 'FROZEN\n',
  ],
] as const)
  asRoot(scenario)(
    `frozen (${kind}): refused, or given up in time; it works once thawed`,
    async (s) => {
      const { program, patch } = prepare(s);
      const target = await s.start(program);
      const group = await groupOf(s, kind, file);
      if (!group) return;
      group.write('cgroup.procs', target.pid);
      for (let round = 0; round < 2; round++) {
        group.write(file, frozen);
        await waitFor('a frozen group', () => isFrozen(group), Boolean, target);
        if (isVisible())
          for (const more of [[], ['--dry-run']])
            expectNoTrace(target.pid, patch, {
              status: 3,
              fact: new RegExp(`its control group is frozen: found .*/${NAME} \\(thaw it first`),
              more,
            });
        else console.warn(`skipped in part: ${kind} is not mounted under ${ROOT}`);
        const { status, stderr } = triggerBlind(target, patch, '--timeout', '500');
        expect({ status, stderr }).toEqual({
          status: 5,
          stderr: expect.stringMatching(/nothing was changed/) as string,
        });
        expect(isFrozen(group)).toBe(true);
        group.write(file, thawed);
        await expectPatched(target, patch);
      }
      group.remove();
    },
  );

for (const [kind, limit, usage, kills, unlimited] of [
  ['memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'memory.oom_control', '-1'],
  ['cgroup2', 'memory.max', 'memory.current', 'memory.events', 'max'],
] as const)
  asRoot(scenario)(
    `no memory left in the group (${kind}): refused, nobody is killed`,
    async (s) => {
      const { program, patch } = prepare(s);
      const group = await groupOf(s, kind, limit);
      if (!group) return;
      if (!isVisible()) {
        console.warn(`skipped: ${kind} is not mounted under ${ROOT}`);
        return;
      }
      const target = await group.start(program);
      expect(await target.ask('answer')).toBe('2');
      // Nothing that it has can be taken from it, so that it asks for no page that it had before.
      expect(await target.ask('resident')).toBe('resident');
      const full = async (): Promise<void> => {
        await atRest(target);
        group.write(limit, group.read(usage));
      };
      const fact = new RegExp(`its control group .*/${NAME} is at its limit of memory: expected`);
      await full();
      for (const more of [[], ['--dry-run']])
        expectNoTrace(target.pid, patch, { status: 3, fact, more });
      expect(group.read(kills)).toMatch(/^oom_kill 0$/m);
      group.write(limit, unlimited);
      expect(await target.ask('answer')).toBe('2');
      s.apply(target, patch);
      expect(await target.ask('answer')).toBe('1001');
      await full();
      expectNoTrace(target.pid, patch, { status: 3, fact, more: ['--revert'] });
      expect(group.read(kills)).toMatch(/^oom_kill 0$/m);
      group.write(limit, unlimited);
      expect(await target.ask('answer')).toBe('1001');
      s.revert(target, patch);
      expect(await target.ask('answer')).toBe('2');
      expect(group.read(kills)).toMatch(/^oom_kill 0$/m);
      group.remove();
    },
  );

for (const kind of ['pids', 'cgroup2'])
  asRoot(scenario)(`no process more in the group (${kind}): refused`, async (s) => {
    const { program, patch } = prepare(s);
    const group = await groupOf(s, kind, 'pids.max');
    if (!group) return;
    const target = await group.start(program);
    group.write('pids.max', group.read('pids.current'));
    const before = target.maps();
    const { status, stderr } = trigger(target, patch);
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: expect.stringMatching(
        /the helper .*could not be started: found clone.*(number of processes|errno 11)/,
      ) as string,
    });
    expect(target.maps()).toBe(before);
    expect(await target.ask('answer')).toBe('2');
    group.write('pids.max', 'max');
    await expectPatched(target, patch);
    group.remove();
  });
