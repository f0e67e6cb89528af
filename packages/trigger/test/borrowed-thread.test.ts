/**
 * A thread is borrowed in the middle of a blocking call: the call goes on as if nothing had been,
 * and so do registers and signal masks. Three times in each call of signal(7), alone in its process
 * and among threads in the same call; but those whose time-out would begin anew are skipped. Not
 * here because they cannot be made to wait: getrandom with GRND_RANDOM, copy_file_range of pipes,
 * tcdrain of a pty.
 */
import { join } from 'node:path';
import { buildLibrary, patchOf, scenario, source, type Target } from './setting';

/** What the call returns where nothing interferes. */
const CALLS: readonly (readonly [string, string])[] = [
  ['read', '1 ok'],
  ['read_restarted', '1 ok'],
  ['readv', '1 ok'],
  ['write', '1 ok'],
  ['open', '0 ok'],
  ['inotify', '0 ok'],
  ['timerfd', '1 ok'],
  ['epoll_wait', '0 ok'],
  ['epoll_pwait', '0 ok'],
  ['epoll_pwait2', '0 ok'],
  ['poll', '0 ok'],
  ['ppoll', '0 ok'],
  ['select', '0 ok'],
  ['pselect', '0 ok'],
  ['nanosleep', '0 ok'],
  ['clock_nanosleep', '0 ok'],
  ['futex', '-1 ETIMEDOUT'],
  ['futex_bitset', '-1 ETIMEDOUT'],
  ['sem_timedwait', '-1 ETIMEDOUT'],
  ['cond_timedwait', '-1 ETIMEDOUT'],
  ['sigtimedwait', '-1 EAGAIN'],
  ['sigwaitinfo', '0 ok'],
  ['sigsuspend', '-1 EINTR'],
  ['pause', '-1 EINTR'],
  ['accept', '-1 EAGAIN'],
  ['accept_forever', '0 ok'],
  ['connect', '0 ok'],
  ['connect_timeout', '-1 EAGAIN'],
  ['recv', '-1 EAGAIN'],
  ['recvfrom', '1 ok'],
  ['recvmsg', '1 ok'],
  ['recvmsg_timeout', '-1 EAGAIN'],
  ['recvmmsg', '1 ok'],
  ['send', '1 ok'],
  ['send_timeout', '-1 EAGAIN'],
  ['sendmsg_timeout', '-1 EAGAIN'],
  ['flock', '0 ok'],
  ['setlkw', '0 ok'],
  ['ofd_setlkw', '0 ok'],
  ['mq_receive', '1 ok'],
  ['mq_timedreceive', '-1 ETIMEDOUT'],
  ['mq_timedsend', '-1 ETIMEDOUT'],
  ['msgrcv', '1 ok'],
  ['msgsnd', '0 ok'],
  ['semop', '0 ok'],
  ['semtimedop', '-1 EAGAIN'],
  ['io_getevents', '0 ok'],
  ['wait4', '1 ok'],
  ['waitid', '0 ok'],
  ['compute', '0 ok'],
  ['sleep', '0 ok'],
  ['usleep', '0 ok'],
  ['sleep_until', '0 ok'],
  ['preadv2', '1 ok'],
  ['splice', '1 ok'],
  ['splice_full', '1 ok'],
  ['tee', '1 ok'],
  ['vmsplice', '1 ok'],
  ['sendfile', '1 ok'],
  ['futex_waitv', '-1 ETIMEDOUT'],
  ['terminal', '6 ok'],
  ['accept4', '0 ok'],
  ['recvmmsg_timed', '1 ok'],
  ['io_pgetevents', '0 ok'],
  ['io_uring', '0 ok'],
  ['io_uring_timed', '-1 ETIME'],
  ['ioctl', '0 ok'],
];
/** A timer of the process ends them, so only one thread can be in them. */
const BY_TIMER = ['read_restarted', 'sigsuspend', 'pause'];
/**
 * Let alone once they have gone on for a while, because their time-out would begin anew: see
 * time-outs.test.ts. Whether the change comes first or the end of the call is a matter of moments.
 */
const LET_ALONE: ReadonlySet<string> = new Set([
  ...['accept', 'connect_timeout', 'recv', 'recvmsg_timeout', 'send_timeout', 'sendmsg_timeout'],
  'io_uring_timed',
]);
/** All others are changed before the first call ends. */
const AT_ONCE = 25;

const among = CALLS.filter(([call]) => !BY_TIMER.includes(call));
const part = (calls: typeof CALLS, which: number) =>
  calls.slice(which * AT_ONCE, (which + 1) * AT_ONCE);

/** What a thread says of its call; a skip, with its reason, where this kernel does not offer it. */
async function isAsAlone(target: Target, call: string, result: string): Promise<void> {
  const line = await target.line();
  if (line.startsWith('-77 ')) {
    process.stderr.write(`skipped: ${call}: ${line}\n`);
    return;
  }
  const answers = LET_ALONE.has(call) ? [2, 1001] : [1001];
  const lines = answers.map((answer) => `${call}: ${result}, mask kept, answer ${answer}`);
  expect(lines).toContain(`${call}: ${line}`);
}

for (const [calls, threads, which] of [
  [part(CALLS, 0), 1, 'alone'],
  [part(CALLS, 1), 1, 'alone, more'],
  [part(CALLS, 2), 1, 'alone, the rest'],
  [part(among, 0), 3, 'among threads'],
  [part(among, 1), 3, 'among threads, more'],
  [part(among, 2), 3, 'among threads, the rest'],
] as const)
  scenario(`calls that block go on undisturbed: ${which}`, async (s) => {
    const library = buildLibrary(s);
    const patch = patchOf(s, library, 'fix', 1000);
    const more = ['blocked-more.c', 'blocked-rest.c'].map((c) => join(__dirname, 'programs', c));
    const program = s.program(source('blocked.c'), [library], more);
    const start = (call: string) => s.start(program, { args: [call, String(threads)] });
    const targets = await Promise.all(calls.map(([call]) => start(call)));
    const tool = await s.start(process.execPath, {
      bare: true,
      args: [join(__dirname, 'change-many.mjs'), patch, ...targets.map(({ pid }) => String(pid))],
    });
    for (const target of [...targets, tool]) target.tell('go');
    for (const [i, target] of targets.entries()) {
      const [call = '', result = ''] = calls[i] ?? [];
      for (let thread = 0; thread < threads; thread++) await isAsAlone(target, call, result);
    }
    // Until those are changed that were skipped.
    await tool.rest();
  });
