/** Asks a socket of another process for its time-out, by a duplicate of the descriptor. */
import { closeSync, readlinkSync } from 'node:fs';
import type { Pid, Tid } from '@ulp/core';
import { libc } from '../native';

export type SocketSide = 'receive' | 'send';

export interface SocketQuestion {
  readonly pid: Pid;
  readonly tid: Tid;
  readonly fd: number;
  /** What the descriptor must be, as readSocketLink() tells it. */
  readonly link: string;
  readonly side: SocketSide;
}

/**
 * SO_RCVTIMEO_OLD and SO_SNDTIMEO_OLD of <asm-generic/socket.h>, with a struct timeval of 64 bits
 * each.
 */
const OPTION = { receive: 20, send: 21 } as const;

/**
 * Closing the duplicate may take for ever: see socket-time-outs.ts.
 * @returns in ms; null: none, or it cannot be known (no right to, Linux before 5.6)
 */
export function askSocket({ pid, tid, fd, link, side }: SocketQuestion): number | null {
  const { openTask, PIDFD_THREAD, takeDescriptor, socketTime } = libc();
  // Of the thread, where the kernel can (6.9): it may have descriptors of its own, and the first
  // thread may have ended.
  const ofThread = openTask(tid, PIDFD_THREAD);
  const task = ofThread < 0 ? openTask(pid, 0) : ofThread;
  if (task < 0) return null;
  const own = takeDescriptor(task, fd);
  closeSync(task);
  if (own < 0) return null;
  const isIt = readlinkSync(`/proc/self/fd/${own}`) === link;
  const microseconds = isIt ? socketTime(own, OPTION[side]) : 0;
  closeSync(own);
  return microseconds > 0 ? microseconds / 1000 : null;
}
