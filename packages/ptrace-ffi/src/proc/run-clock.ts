/**
 * When a thread last left a processor, by that processor's clock of running time: `se.exec_start`
 * of /proc/PID/sched (CONFIG_SCHED_DEBUG). The kernel notes it when the thread begins to wait, and
 * leaves it alone until it runs again.
 *
 * Two of one processor give the time between them, or less: that clock does not run while the
 * processor serves interrupts or, as a virtual one, does not run itself. Two of different
 * processors say nothing.
 */
import { tryReadProcFile } from './proc-file';
import { readStat } from './stat';

export interface RunClock {
  readonly processor: number;
  readonly ns: bigint;
}

/**
 * Of a thread that stands. Of one that sleeps, ask twice: the same `ns` again, and it has not run
 * in between, so both numbers are of one processor.
 * @returns undefined when it has just been moved to another processor, is gone, or this kernel does
 * not tell
 */
export function readRunClock(tid: number): RunClock | undefined {
  let text: string | undefined;
  try {
    text = tryReadProcFile(`/proc/${tid}/sched`);
  } catch {
    return undefined; // not told
  }
  const ns = text === undefined ? undefined : parseExecStart(text);
  const stat = readStat(tid);
  return stat && ns !== undefined ? { processor: stat.processor, ns } : undefined;
}

/**
 * @param text of /proc/PID/sched
 * @returns `se.exec_start` in ns; undefined when it is not there, or 0: the kernel makes it so
 * before it moves a thread
 */
export function parseExecStart(text: string): bigint | undefined {
  // Behind the line of dashes: what is before it begins with the thread's own name.
  const values = text.slice(text.indexOf('\n--'));
  const [, ms, part] = /^se\.exec_start +: +([0-9]{1,15})\.([0-9]{6})$/m.exec(values) ?? [];
  return ms && part ? BigInt(ms) * 1_000_000n + BigInt(part) || undefined : undefined;
}

/**
 * How long a thread has run on processors, in ns: /proc/PID/schedstat
 * (Documentation/scheduler/sched-stats.rst). It is counted when the thread leaves its processor,
 * and at the latest with each tick of the clock.
 * @returns undefined when it is gone, or this kernel does not tell
 */
export function readRunTime(tid: number): bigint | undefined {
  try {
    return parseRunTime(tryReadProcFile(`/proc/${tid}/schedstat`) ?? '');
  } catch {
    return undefined; // not told
  }
}

/**
 * @param text of /proc/PID/schedstat; the last number, how often it ran, is 0 where nothing is
 * counted
 */
export function parseRunTime(text: string): bigint | undefined {
  const [, ns] = /^([0-9]{1,20}) [0-9]{1,20} [1-9][0-9]{0,19}\n?$/.exec(text) ?? [];
  return ns === undefined ? undefined : BigInt(ns);
}
