/**
 * Calls whose time-out the kernel would begin anew keep their end, and what they leave, when their
 * thread is borrowed: three times in the same call.
 */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRoot } from '../../../test-targets/harness/as-root';
import { NOBODY } from '../../../test-targets/harness/tools';
import { buildLibrary, patchOf, runAside, scenario, source, succeed } from './setting';
import type { Scenario, Target } from './setting';
import { callOf, waitFor } from '../../../test-targets/harness/wait.cjs';

/** What each returns when its time is over. */
const CALLS = {
  epoll_wait: 0,
  epoll_pwait: 0,
  epoll_pwait2: 0,
  sigtimedwait: -11,
  semtimedop: -11,
  io_getevents: 0,
  io_pgetevents: 0,
} as const;
/** Long enough for all changes. */
const SECONDS = '20';
const EINTR = -4;
/** Of the system calls, as /proc/PID/syscall has them. */
const NUMBERS = [128, 208, 220, 232, 281, 333, 441].map(String);

/** Begins the call, and waits until it is in it. */
async function begin(target: Target): Promise<void> {
  target.tell('go');
  const isIn = (call: string) => NUMBERS.includes(call);
  await waitFor('such a call', () => callOf(target.pid), isIn, target);
}

function prepare(s: Scenario) {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('timed.c'), [library], ['-pthread']);
  /** Applies the patch, takes it back and applies it again in each. */
  const changer = (targets: readonly Target[]) =>
    s.start(process.execPath, {
      bare: true,
      args: [join(__dirname, 'change-many.mjs'), patch, ...targets.map(({ pid }) => String(pid))],
    });
  const change = async (tool: Target) => {
    tool.tell('go');
    await tool.rest();
  };
  return { program, patch, changer, change };
}

scenario(
  'a borrowed call ends after one that began before it, and before one that began after',
  async (s) => {
    const { program, patch, changer, change } = prepare(s);
    const calls = Object.entries(CALLS);
    const all = () =>
      Promise.all(calls.map(([call]) => s.start(program, { args: [call, SECONDS] })));
    const [earlier, borrowed, later] = [await all(), await all(), await all()];
    const tool = await changer(borrowed);
    for (const group of [earlier, borrowed, later]) {
      await Promise.all(group.map(begin));
      // So much lies between them that no rounding can change their order.
      for (const target of borrowed.slice(0, 1))
        succeed('ulp-trigger', target.pid, patch, '--dry-run');
    }
    await change(tool);
    for (const [i, [call, result]] of calls.entries()) {
      const said = async (target?: Target) => (await target?.line())?.split(' ') ?? [];
      const [first, middle, last] = [
        await said(earlier[i]),
        await said(borrowed[i]),
        await said(later[i]),
      ];
      expect([call, ...middle.slice(0, 4)]).toEqual([call, String(result), 'kept', '0', '1001']);
      const ends = [first, middle, last].map((words) => BigInt(words[4] ?? -1));
      expect([call, ends]).toEqual([call, [...ends].sort((a, b) => (a < b ? -1 : 1))]);
    }
  },
);

scenario('a signal with a handler ends the call, wherever it goes on', async (s) => {
  const { program, changer, change } = prepare(s);
  for (const call of ['epoll_wait', 'epoll_pwait2', 'semtimedop']) {
    const target = await s.start(program, { args: [call, '3600'] });
    await begin(target);
    await change(await changer([target]));
    process.kill(target.pid, 'SIGUSR1');
    expect((await target.line()).split(' ').slice(0, 4)).toEqual([`${EINTR}`, 'kept', '1', '1001']);
  }
});

scenario('the call is a point of cancellation, wherever it goes on', async (s) => {
  const { program, changer, change } = prepare(s);
  const target = await s.start(program, { args: ['cancel'] });
  await begin(target);
  await change(await changer([target]));
  process.kill(target.pid, 'SIGUSR2');
  expect(await target.line()).toBe('cancelled, cleaned up, answer 1001');
});

/**
 * Those whose time-out is none that a tool could pass on, and what each returns when its time is
 * over.
 */
const BEGUN_ANEW: Readonly<Record<string, string>> = {
  recv: '-1 EAGAIN',
  read: '-1 EAGAIN',
  splice: '-1 EAGAIN',
  recvmsg: '-1 EAGAIN',
  send: '-1 EAGAIN',
  sendmsg: '-1 EAGAIN',
  accept: '-1 EAGAIN',
  connect: '-1 EAGAIN',
  io_uring: '-1 ETIME',
  filtered: '0 ok',
};
/** Run by another user than the tool: their sockets are asked by a program of its own. */
const OF_OTHERS = ['read', 'send', 'accept'];
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
/**
 * The time-out, and how much later another begins the same, in ms: more than the kernel's timers
 * are rounded by.
 */
const MS = 4000;
const LATER_MS = 1000;
/**
 * Most calls that the tool may need: the first is under way, and on a busy machine it may miss one
 * that begins.
 */
const ROUNDS = 20;

/** A process that is in such a call again and again, and has begun the first. */
async function begun(
  s: Scenario,
  program: string,
  call: string,
  { ms = MS, runner = [] }: { ms?: number; runner?: readonly string[] } = {},
): Promise<Target> {
  const [command = program, ...runnerArgs] = runner;
  const own = [call, String(ms)];
  const args = runner.length > 0 ? [...runnerArgs, program, ...own] : own;
  const target = await s.start(command, { args });
  target.tell('go');
  expect(await target.line()).toBe('begins');
  return target;
}

/** When a call of this target's ends, and what the library answers then. */
async function endOf(target: Target, result: string): Promise<{ end: bigint; answer: string }> {
  const [value, error, end = '', answer = ''] = (await target.line()).split(' ');
  expect(`${value} ${error}`).toBe(result);
  return { end: BigInt(end), answer };
}

scenario('a time-out of a socket keeps its end: the call is borrowed when it begins', async (s) => {
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('socket-timed.c'), [library]);
  const one = async ([call, result]: [string, string]) => {
    const runner = isRoot && OF_OTHERS.includes(call) ? AS_NOBODY : [];
    const target = await begun(s, program, call, { runner });
    const pairs: { end: bigint; later: Target }[] = [];
    let change: ReturnType<typeof runAside> | undefined;
    for (let answer = ''; answer !== '1001' && pairs.length < ROUNDS;) {
      await delay(LATER_MS);
      const later = await begun(s, program, call, { runner });
      if (!change) {
        // In the middle of the first call.
        await delay(LATER_MS);
        change = runAside('ulp-trigger', [target.pid, patch, '--timeout', '100000']);
      }
      const first = await endOf(target, result);
      ({ answer } = first);
      pairs.push({ end: first.end, later });
      expect(await target.line()).toBe('begins');
    }
    for (const { end, later } of pairs) {
      const other = await endOf(later, result);
      process.kill(later.pid, 'SIGTERM');
      expect([call, end < other.end]).toEqual([call, true]);
    }
    expect(await change).toMatchObject({ status: 0 });
    process.kill(target.pid, 'SIGTERM');
  };
  await Promise.all(Object.entries(BEGUN_ANEW).map(one));
});

/** That this program may run on. */
const lastProcessor = (): string =>
  /^Cpus_allowed_list:.*?(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
/** Runs without pause, until its input ends. */
const BUSY = 'echo ready; until read -t 0; do :; done';
/** So many that one of them always comes before a thread of the lowest priority. */
const MANY = 3;
/** Longer than such a thread waits for its processor, in ms. */
const WAITS_MS = 2000;

scenario(
  'a call whose time is over is not begun anew, though its thread waits for a processor',
  async (s) => {
    const library = buildLibrary(s);
    const patch = patchOf(s, library, 'fix', 1000);
    const program = s.program(source('socket-timed.c'), [library]);
    const pinned = ['taskset', '-c', lastProcessor()];
    const runner = [...pinned, 'nice', '-n', '19'];
    const target = await begun(s, program, 'recv', { runner });
    const others = await Promise.all(
      Array.from({ length: MANY }, () =>
        s.start('taskset', { bare: true, args: [...pinned.slice(1), 'bash', '-c', BUSY] }),
      ),
    );
    await delay(WAITS_MS);
    const later = await begun(s, program, 'recv');
    const change = runAside('ulp-trigger', [target.pid, patch, '--timeout', '100000']);
    const ends = [await endOf(target, '-1 EAGAIN'), await endOf(later, '-1 EAGAIN')] as const;
    expect(ends[0].end < ends[1].end).toBe(true);
    for (const other of others) expect(await other.end()).toBe(0);
    expect(await change).toMatchObject({ status: 0 });
    for (const { pid } of [target, later]) process.kill(pid, 'SIGTERM');
  },
);

scenario('who has no other thread, and no such call begins in time, is told', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('socket-timed.c'), [library]);
  const target = await begun(s, program, 'recv', { ms: 60_000 });
  await waitFor(
    'recvfrom',
    () => callOf(target.pid),
    (call) => call === '45',
    target,
  );
  const { status, stderr } = await runAside('ulp-trigger', [
    target.pid,
    patch,
    '--timeout',
    '3000',
  ]);
  expect(status).toBe(5);
  expect(stderr).toMatch(
    /nothing was changed; thread \d+ waits in recvfrom, and a stop would begin its time-out of 60000 ms anew: try again with a --timeout that is longer/,
  );
  process.kill(target.pid, 'SIGTERM');
});
