/** /proc/PID/stat: what a process is, and when it began; with its pid, that is its identity. */
import { UlpError } from '@ulp/core';
import { tryReadProcFile } from './proc-file';

export interface ProcessStat {
  readonly name: string;
  /** One letter: R, S, D, T, t, Z, X, I (proc_pid_stat(5)). */
  readonly state: string;
  readonly kernelThread: boolean;
  /** On its way out: perhaps it has no memory any more, though it still runs. */
  readonly exiting: boolean;
  readonly parent: number;
  /** Clock ticks after boot. Two processes with one pid differ in it. */
  readonly startTime: bigint;
  /** On which it runs, or ran last. */
  readonly processor: number;
}

/** PF_EXITING and PF_KTHREAD of include/linux/sched.h. */
const EXITING = 0x4;
const KERNEL_THREAD = 0x0020_0000;

/** @returns undefined when there is no such process or thread */
export function readStat(pid: number): ProcessStat | undefined {
  const text = tryReadProcFile(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text, `process ${pid}`);
}

/**
 * @param text one byte a character
 * @throws UlpError process-hostile for what no kernel writes
 */
export function parseStat(text: string, subject: string): ProcessStat {
  // The name is the process's own choice: it may contain parentheses and line feeds, so the last
  // one counts.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  const [state = '', flags = '', startTime = ''] = [rest[0], rest[6], rest[19]];
  const processor = Number(rest[36] ?? -1);
  if (open < 0 || close < open || !/^[0-9]+$/.test(flags) || !/^[0-9]{1,20}$/.test(startTime))
    throw new UlpError('process-hostile', { subject, expected: 'a line of /proc/PID/stat' });
  return {
    name: Buffer.from(text.slice(open + 1, close), 'latin1').toString(),
    state,
    parent: Number(rest[1]),
    kernelThread: (Number(flags) & KERNEL_THREAD) !== 0,
    exiting: (Number(flags) & EXITING) !== 0,
    startTime: BigInt(startTime),
    processor,
  };
}

export const isDead = (state: string): boolean => state === 'Z' || state === 'X' || state === 'x';
