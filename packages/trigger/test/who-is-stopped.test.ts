/** Which threads the commands touch, as strace(1) sees their ptrace(2). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { begin, BIN, patchOf, runTool, scenario, succeed, type Scenario } from './setting';
import { outputOf } from '../../../test-targets/harness/programs.cjs';
import { waitFor } from '../../../test-targets/harness/wait.cjs';

/** Threads that a command attaches to, in order; one that does not exist is for practice. */
function seized(s: Scenario, command: string, ...args: readonly (string | number)[]): number[] {
  const log = join(s.room, 'ptrace.log');
  const traced = [join(BIN, command), ...args.map(String)];
  outputOf('strace', ['-f', '-qq', '-e', 'trace=ptrace', '-o', log, ...traced]);
  const calls = readFileSync(log, 'utf8').split('\n');
  return calls.flatMap((call) => {
    const seize = /ptrace\(PTRACE_SEIZE, (\d+),.* = 0$/.exec(call);
    return seize ? [Number(seize[1])] : [];
  });
}

scenario('a change stops one thread, which sleeps; looking stops nobody', async (s) => {
  const { library, target } = await begin(s);
  const { pid } = target;
  const patch = patchOf(s, library, 'fix', 1000);
  const spinner = Number(await target.ask('spin'));
  expect(spinner).not.toBe(pid);
  for (let round = 0; round < 3; round++) {
    expect(seized(s, 'ulp-trigger', pid, patch, '--dry-run')).toEqual([]);
    // The first thread waits for a line.
    expect(seized(s, 'ulp-trigger', pid, patch)).toEqual([pid]);
    expect(await target.ask('answer')).toBe('1001');
    expect(seized(s, 'ulp-check', pid, patch, '--threads')).toEqual([]);
    expect(seized(s, 'ulp-inspect', pid)).toEqual([]);
    expect(seized(s, 'ulp-dispatcher', 'check', patch, pid)).toEqual([]);
    expect(seized(s, 'ulp-trigger', pid, patch, '--revert', '--dry-run')).toEqual([]);
    // Twice when the patch could not be unloaded at once.
    expect([...new Set(seized(s, 'ulp-trigger', pid, patch, '--revert'))]).toEqual([pid]);
    expect(await target.ask('answer')).toBe('2');
  }
});

/**
 * How often each thread has given up its processor by itself: a stop of a thread that sleeps adds
 * one.
 */
function switches(pid: number): Map<string, string> {
  const counts = new Map<string, string>();
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
    counts.set(tid, /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? '?');
  }
  return counts;
}

/** Waits until there are so many threads, and all sleep in the kernel: the helper has gone. */
async function settle(pid: number, threads: number): Promise<void> {
  const isAsleep = (tid: string): boolean => {
    try {
      return /^\d+ \(.*\) S /.test(readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8'));
    } catch {
      return false; // it has ended
    }
  };
  const awake = () => {
    const all = readdirSync(`/proc/${pid}/task`);
    return { threads: all.length, awake: all.filter((tid) => !isAsleep(tid)) };
  };
  await waitFor(
    `${threads} threads that sleep`,
    awake,
    (now) => now.threads === threads && now.awake.length === 0,
    { pid },
  );
}

for (const threads of [16, 256])
  scenario(`of ${threads} threads one is stopped, as all of them see it`, async (s) => {
    const { library, target } = await begin(s);
    const { pid } = target;
    const patch = patchOf(s, library, 'fix', 1000);
    expect(await target.ask(`crowd ${threads - 1}`)).toBe('asleep');
    await settle(pid, threads);
    const stopped = async (act: () => unknown): Promise<string[]> => {
      const before = switches(pid);
      act();
      await settle(pid, threads);
      const after = switches(pid);
      expect([...after.keys()]).toEqual([...before.keys()]);
      return [...after.keys()].filter((tid) => after.get(tid) !== before.get(tid));
    };
    expect(await stopped(() => succeed('ulp-trigger', pid, patch, '--dry-run'))).toEqual([]);
    expect(await stopped(() => succeed('ulp-trigger', pid, patch))).toHaveLength(1);
    expect(await stopped(() => succeed('ulp-check', pid, patch, '--threads'))).toEqual([]);
    expect(await stopped(() => succeed('ulp-inspect', pid))).toEqual([]);
    expect(await stopped(() => runTool('ulp-dispatcher', ['check', patch, pid]))).toEqual([]);
    expect(await target.ask('answer')).toBe('1001');
    expect(succeed('ulp-trigger', pid, patch, '--revert')).toContain('reverted');
    expect(await target.ask('answer')).toBe('2');
  });
