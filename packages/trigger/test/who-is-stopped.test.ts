/** Which threads the commands touch, as strace(1) sees their ptrace(2). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { begin, BIN, patchOf, scenario, type Scenario } from './setting';

/** Threads that a command attaches to, in order; one that does not exist is for practice. */
function seized(s: Scenario, command: string, ...args: readonly (string | number)[]): number[] {
  const log = join(s.room, 'ptrace.log');
  const traced = [join(BIN, command), ...args.map(String)];
  execFileSync('strace', ['-f', '-qq', '-e', 'trace=ptrace', '-o', log, ...traced]);
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
