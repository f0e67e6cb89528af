/**
 * One tool at a time for one target process: an exclusive flock(2) on the directory /proc/PID/fd.
 *
 * It can be opened only by the process's own user and by root, so nobody else can hold the lock; it
 * is another directory when the pid is used again; and the kernel frees the lock however its holder
 * ends. Two mounts of procfs (a tool inside a container, another one outside) have files of their
 * own, and do not see each other's locks: there the state word of the runtime keeps the two apart.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { UlpError, type Pid } from '@ulp/core';
import { explainDenial } from './denial';
import { now, sleep } from '../sleep';
import { throughThread } from './threads';
import { libc } from '../native';

export interface ProcessLock {
  release(): void;
}

const EWOULDBLOCK = -11;

/**
 * @param timeoutMs how long to wait for another tool
 * @throws UlpError timed-out, process-missing, process-denied
 */
export function lockProcess(pid: Pid, timeoutMs: number): ProcessLock {
  const fd = open(pid);
  const deadline = now() + timeoutMs;
  for (;;) {
    const result = libc().tryLock(fd);
    if (result === 0) return { release: () => closeSync(fd) };
    if (result !== EWOULDBLOCK || now() >= deadline) {
      closeSync(fd);
      throw result === EWOULDBLOCK
        ? new UlpError('timed-out', {
            subject: `process ${pid}`,
            fact: 'another tool is at work on it',
            detail: 'nothing was changed',
          })
        : new UlpError('defect', {
            subject: `process ${pid}`,
            fact: 'flock failed',
            found: `errno ${-result}`,
          });
    }
    sleep(5);
  }
}

function open(pid: Pid): number {
  return throughThread(pid, (task) => {
    try {
      return openSync(`/proc/${task}/fd`, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      throw explainDenial(task, 'read', error);
    }
  });
}
