/**
 * The time-outs of sockets in another process (SO_RCVTIMEO, SO_SNDTIMEO of socket(7)): no file of
 * /proc tells them, so a duplicate of the descriptor is taken (pidfd_getfd(2)) and asked.
 *
 * Where the process is somebody else's, a program of its own does it, because closing the duplicate
 * may take for ever: by then it may be the last one, of a socket that lingers, or a file of a file
 * system that does not answer, put in the socket's place meanwhile.
 */
import { readlinkSync } from 'node:fs';
import type { Pid, Tid } from '@ulp/core';
import { askSocket, type SocketQuestion } from './ask-socket';
import { numbers, readStatus } from './status';

/**
 * @returns `socket:[INODE]`; undefined when the thread's descriptor is none of a socket, or cannot
 * be seen
 */
export function readSocketLink(pid: Pid, tid: Tid, fd: number): string | undefined {
  try {
    const link = readlinkSync(`/proc/${pid}/task/${tid}/fd/${fd}`);
    return /^socket:\[[0-9]+\]$/.test(link) ? link : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param questions about one process
 * @param limitMs how long the answers may take
 * @returns for each question the time-out in ms, null if there is none, or it cannot be known;
 * undefined in place of all: no
 *   answer in time
 */
export async function socketTimeOuts(
  pid: Pid,
  questions: readonly SocketQuestion[],
  limitMs: number,
): Promise<readonly (number | null)[] | undefined> {
  if (isOurs(pid)) return questions.map(askSocket);
  // Loaded late because few runs need it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const program = require.resolve('@ulp/ptrace-ffi/ask-sockets');
  const text = await new Promise<string | undefined>((resolve) => {
    const child = spawn(process.execPath, [program, JSON.stringify(questions)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const parts: string[] = [];
    const end = (said: string | undefined): void => {
      clearTimeout(timer);
      // It may never end.
      child.kill('SIGKILL');
      child.unref();
      child.stdout.destroy();
      resolve(said);
    };
    const timer = setTimeout(end, limitMs, undefined);
    child.stdout.setEncoding('utf8').on('data', (part: string) => parts.push(part));
    child.stdout.on('end', () => end(parts.join('')));
    child.on('error', () => end(''));
  });
  if (text === undefined) return undefined;
  const answers = parseAnswers(text);
  return questions.map((_, i) => (typeof answers[i] === 'number' ? answers[i] : null));
}

/**
 * Has who runs the process no reason to hold this program up: the same user, who sees the same
 * files?
 */
function isOurs(pid: Pid): boolean {
  try {
    const uids = numbers(readStatus(`/proc/${pid}/status`)?.get('Uid'));
    const isSame = (uid: number): boolean => uid === process.geteuid?.();
    const [own, other] = ['self', pid].map((task) => readlinkSync(`/proc/${task}/ns/mnt`));
    return uids.length > 0 && uids.every(isSame) && own === other;
  } catch {
    return false;
  }
}

/** @param text empty when the program could not be run */
function parseAnswers(text: string): readonly unknown[] {
  try {
    const answers: unknown = JSON.parse(text);
    return Array.isArray(answers) ? answers : [];
  } catch {
    return [];
  }
}
