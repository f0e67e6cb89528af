/**
 * The criterion `it sees the files of the process`. The helper inherits the surroundings of the
 * thread that is borrowed, and the patch was looked for in those of the process: a thread may have
 * a root directory (unshare(2) with CLONE_FS), mounts, or a user of its own.
 */
import { readlinkSync, statSync } from 'node:fs';
import { type Process } from '@ulp/ptrace-ffi';
import { readStatus } from '@ulp/ptrace-ffi/borrowing';
import { goodIf, type Criterion } from './criterion';

/** @returns texts are equal where these are; '' for a thread that is gone */
function surroundingsOf(task: number): string {
  try {
    const { dev, ino } = statSync(`/proc/${task}/root`);
    const mounts = readlinkSync(`/proc/${task}/ns/mnt`);
    const status = readStatus(`/proc/${task}/status`);
    return [dev, ino, mounts, status?.get('Uid'), status?.get('Gid')].join(' ');
  } catch {
    return '';
  }
}

/** Does a thread see the files that the process sees, and as the same user? */
const seesTheSame = (process: Process, tid: number): boolean =>
  process.through((task) => task === tid || surroundingsOf(task) === surroundingsOf(tid));

export const sameSurroundings = (process: Process): Criterion => ({
  name: 'it sees the files of the process',
  look: ({ thread }) => goodIf(seesTheSame(process, thread.tid)),
});
