/**
 * The program that asks sockets of another process: `node ask-sockets.js QUESTIONS`, see socket-time-outs.ts. It prints the answers,
 * as JSON: time-outs in microseconds, null for none and for what cannot be known.
 */
import { closeSync, readlinkSync } from 'node:fs';
import * as libc from './libc';
import type { SocketQuestion } from './socket-time-outs';

/** SO_RCVTIMEO_OLD and SO_SNDTIMEO_OLD of <asm-generic/socket.h>, with a struct timeval of 64 bits each. */
const OPTION = { receive: 20, send: 21 } as const;

function ask({ pid, tid, fd, link, side }: SocketQuestion): number | null {
  // Of the thread, where the kernel can (6.9): it may have descriptors of its own, and the first thread may have ended.
  const ofThread = libc.openTask(tid, libc.PIDFD_THREAD);
  const task = ofThread < 0 ? libc.openTask(pid, 0) : ofThread;
  const own = task < 0 ? task : libc.takeDescriptor(task, fd);
  if (own < 0) return null;
  const time =
    readlinkSync(`/proc/self/fd/${own}`) === link ? libc.socketTime(own, OPTION[side]) : 0;
  closeSync(own);
  return time > 0 ? time : null;
}

const questions = JSON.parse(process.argv[2] ?? '[]') as SocketQuestion[];
process.stdout.write(JSON.stringify(questions.map(ask)));
