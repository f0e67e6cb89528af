/** A FIFO at which no test hangs: when the bound is over, opening succeeds and reading ends. */
import type { ChildProcess } from 'node:child_process';
import { outputOf, startProgram } from './programs.cjs';
import { HANG_MS } from './wait.cjs';

const guards: ChildProcess[] = [];
afterAll(() => guards.splice(0).forEach((guard) => guard.kill('SIGKILL')));

/**
 * Made with a guard, which opens it in both directions when the bound is over. That lets everybody
 * in, and when the guard has closed it, a reader is at the end.
 */
export function makeFifo(path: string, ms = HANG_MS): string {
  outputOf('mkfifo', [path]);
  const script = 'read -t "$0"; : <> "$1"';
  const args = ['-c', script, String(ms / 1000), path];
  // Its input is a pipe on which nothing comes.
  guards.push(startProgram('bash', args, { stdio: ['pipe', 'ignore', 'ignore'] }));
  return path;
}
