/** In which order threads are tried: what each of them could lose decides. */
import { pid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { candidates } from '../src/choose/candidates';
import { buildLibrary, patchOf, runAside, scenario, source, type Target } from './setting';
import { callOf, waitFor } from '../../../test-targets/harness/wait.cjs';

scenario('first who loses nothing, last whose time-out could begin anew', async (s) => {
  const target = await s.start(s.program(source('ranks.c'), []), { bare: true });
  const opened = openProcess(pid(target.pid));
  // All are where their names say: every one sleeps, but one.
  await waitFor(
    '11 threads that sleep, and all under their own names',
    () => opened.threads(),
    (threads) =>
      threads.filter(({ state }) => state === 'S').length === 11 &&
      !threads.some(({ name }) => name.startsWith('ranks')),
    target,
  );
  const names = candidates(opened).map(({ name }) => name);
  opened.close();
  expect(new Set(names.slice(0, 2))).toEqual(new Set(['pipe', 'ppoll']));
  // The input of the first one is a socket.
  expect(new Set(names.slice(2, 4))).toEqual(new Set(['main', 'recv']));
  expect(names[4]).toBe('busy');
  expect(new Set(names.slice(5, 8))).toEqual(new Set(['epoll', 'sigwait', 'ppoll_mask']));
  expect(new Set(names.slice(8))).toEqual(new Set(['epoll_timed', 'sigtimed', 'semtimed']));
});

/** The number of the call, and what it returns when it is done wholly. */
const HALFWAY: readonly (readonly [string, number, number])[] = [
  ['write', 1, 1 << 20],
  ['writev', 20, 1 << 20],
  ['pwritev2', 328, 1 << 20],
  ['sendmsg', 46, 1 << 20],
  ['sendmmsg', 307, 64],
  ['close', 3, 1],
  ['recv', 45, 2],
  ['recvmsg', 47, 2],
  ['recvmmsg', 299, 2],
  ['io_getevents', 208, 2],
  ['io_uring', 426, 2],
  ['io_uring_submit', 426, 2],
];

const LITTLE_TIME = ['--timeout', '300'];

/**
 * Until it sleeps in the call. @returns false when it is already behind it, reading its input: the
 * kernel offers no such call
 */
async function waits(target: Target, number: number): Promise<boolean> {
  const isThere = (call: string) => call === String(number) || call === '0';
  const call = await waitFor(`call ${number}`, () => callOf(target.pid), isThere, target);
  return call !== '0';
}

scenario('a thread that has done a part is skipped until all is done', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('halfway.c'), [library]);
  const one = async ([call, number, whole]: (typeof HALFWAY)[number]) => {
    const target = await s.start(program, { args: [call] });
    if (!(await waits(target, number))) {
      expect(`${call}: ${await target.line()}`).toBe(`${call}: -77`);
      process.stderr.write(`skipped: ${call}: not in this kernel\n`);
      return;
    }
    const { status, stderr } = await runAside('ulp-trigger', [target.pid, patch, ...LITTLE_TIME]);
    target.tell('');
    expect([call, await target.line(), status]).toEqual([call, String(whole), 5]);
    expect(stderr).toMatch(/no thread of it could be borrowed in time \(nothing was changed\)/);
    s.apply(target, patch);
    expect(await target.ask('')).toBe('1001');
  };
  await Promise.all(HALFWAY.map(one));
});
