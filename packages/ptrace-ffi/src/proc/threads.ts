/** The threads of a process, by the names that both sides have for them. */
import { readdirSync } from 'node:fs';
import { remoteAddress, tid, UlpError, type Pid, type RemoteAddress, type Tid } from '@ulp/core';
import { errnoOf, tryReadProcFile } from './proc-file';
import { isDead, readStat } from './stat';
import { nameIn, numbers, readStatus } from './status';

export interface Thread {
  readonly tid: Tid;
  /** Its id in the innermost pid namespace that it is in: what its own gettid(2) returns. */
  readonly targetTid: number;
  readonly name: string;
  /** One letter: R, S, D, T, t, Z. */
  readonly state: string;
  /** Of seccomp(2): 0 none, 1 strict, 2 filters. */
  readonly seccomp: number;
  /** Has its process a handler for SIGSYS? */
  readonly catchesSigsys: boolean;
  /**
   * The thread that traces it; 0: none, or one in a pid namespace that cannot be seen from here.
   */
  readonly tracer: number;
}

/** Signal 31, in a mask. */
const SIGSYS_BIT = 30;

/** All threads of a process have the same handlers. */
export const catchesSigsys = (status: ReadonlyMap<string, string>): boolean =>
  ((parseInt(status.get('SigCgt')?.slice(-8) ?? '', 16) >>> SIGSYS_BIT) & 1) === 1;

/** @returns an empty list when the process is gone */
export function readThreads(pid: Pid): Thread[] {
  return tids(pid).flatMap((id) => {
    const status = readStatus(`/proc/${pid}/task/${id}/status`);
    if (!status) return [];
    return {
      tid: tid(id),
      targetTid: numbers(status.get('NSpid')).at(-1) ?? id,
      name: nameIn(status),
      state: status.get('State')?.[0] ?? '',
      seccomp: Number(status.get('Seccomp') ?? 0),
      catchesSigsys: catchesSigsys(status),
      tracer: Number(status.get('TracerPid') ?? 0),
    };
  });
}

/** @returns 0: none, or one that cannot be seen from here, or the thread is gone */
export const tracerOf = (id: Tid): number =>
  Number(readStatus(`/proc/${id}/status`)?.get('TracerPid') ?? 0);

const isAlive = (id: number): boolean => {
  const stat = readStat(id);
  return stat !== undefined && !isDead(stat.state) && !stat.exiting;
};

/**
 * How often the list is read again because its threads have ended. A process could go on so for
 * ever.
 */
const TURNS = 1000;
/**
 * How often the first thread has to be the only one: the kernel lists no further than one that ends
 * just then (next_tid of fs/proc/base.c).
 */
const LONELY = 20;

/** @returns undefined when none is alive: the process has ended, or is gone */
export function livingThread(pid: Pid): Tid | undefined {
  for (let turn = 0, lonely = 0; turn < TURNS && lonely < LONELY; turn++) {
    const all = tids(pid);
    const found = all.find(isAlive);
    if (found !== undefined) return tid(found);
    // Those that were listed have ended since, and others may have begun.
    if (all.length <= 1) lonely++;
  }
  return undefined;
}

/**
 * Asks the kernel, through one of its threads, for what all of them share: the first one, unless
 * that has ended before the others (pthread_exit in main); then one that lives, and when that ends
 * meanwhile, the next one. While one of them executes a program, there may be nothing to be seen
 * through any of them; and afterwards it has the id of the first one, which has ended for it.
 * @throws what the action throws
 */
export function throughThread<T>(pid: Pid, action: (task: number) => T): T {
  for (let turn = 0; ; turn++) {
    const living = isAlive(pid) ? pid : livingThread(pid);
    const task = living ?? pid;
    try {
      return action(task);
    } catch (error) {
      if (living === undefined || turn >= TURNS || (isAlive(task) && !isMissing(error)))
        throw error;
    }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof UlpError ? error.code === 'process-missing' : errnoOf(error) === 'ESRCH';

function tids(pid: Pid): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error))) return [];
    throw error;
  }
}

/** Where a thread is that does not run. */
export interface Asleep {
  /** Number of its system call; -1: it sleeps outside of one (a page fault), or is stopped. */
  readonly syscall: number;
  /** Of its system call, six; none when it is in none. */
  readonly args: readonly bigint[];
  readonly sp: RemoteAddress;
  readonly pc: RemoteAddress;
}

/** Could it be the same call? The next one of a loop looks the same. */
export const isSameCall = (a: Asleep, b: Asleep): boolean =>
  a.syscall === b.syscall &&
  a.pc === b.pc &&
  a.sp === b.sp &&
  a.args.every((x, i) => x === b.args[i]);

/** @returns undefined when it runs, is gone or may not be asked */
export function readAsleep(pid: Pid, id: Tid): Asleep | undefined {
  let text: string | undefined;
  try {
    text = tryReadProcFile(`/proc/${pid}/task/${id}/syscall`);
  } catch {
    return undefined;
  }
  return text === undefined ? undefined : parseAsleep(text);
}

/** `running`, or a number, its arguments if it is a call, and the two registers. */
const ASLEEP = /^(-?[0-9]{1,10})((?: 0x[0-9a-f]{1,16})*) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16})\n?$/;

/** @param text of /proc/PID/syscall */
export function parseAsleep(text: string): Asleep | undefined {
  const [, number, args = '', sp, pc] = ASLEEP.exec(text) ?? [];
  if (number === undefined || sp === undefined || pc === undefined) return undefined;
  return {
    syscall: Number(number),
    args: args.split(' ').slice(1).map(BigInt),
    sp: remoteAddress(BigInt(sp)),
    pc: remoteAddress(BigInt(pc)),
  };
}
