/** /proc/PID/stat: what a process is, and when it began; with its pid, that is its identity. */
import { tryReadProcFile } from './proc-file';

export interface ProcessStat {
  readonly name: string;
  /** One letter: R, S, D, T, t, Z, X, I (proc_pid_stat(5)). */
  readonly state: string;
  readonly kernelThread: boolean;
  readonly parent: number;
  /** Clock ticks after boot. Two processes with one pid differ in it. */
  readonly startTime: bigint;
}

/** PF_KTHREAD of include/linux/sched.h. */
const KERNEL_THREAD = 0x0020_0000;

/** @returns undefined when there is no such process or thread */
export function readStat(pid: number): ProcessStat | undefined {
  const text = tryReadProcFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name stands in parentheses and may itself contain them, so the last one counts.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  return {
    name: text.slice(open + 1, close),
    state: rest[0] ?? '',
    parent: Number(rest[1]),
    kernelThread: (Number(rest[6]) & KERNEL_THREAD) !== 0,
    startTime: BigInt(rest[19] ?? 0),
  };
}

export const isDead = (state: string): boolean => state === 'Z' || state === 'X' || state === 'x';
