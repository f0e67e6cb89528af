/** Does another program trace a thread of the process? A thread has one tracer at most. */
import { now, type Process, type Thread } from '@ulp/ptrace-ffi';
import { sleep, traced } from '@ulp/ptrace-ffi/borrowing';

/**
 * A process with one thread that is traced counts as traced: its tracer may be about to attach to
 * the others; and if it is its own, and never waits, an execve(2) of the process does not end, and
 * keeps everybody who would seize a thread waiting.
 * @param limitMs how long a tracer may be another tool that borrows a thread; 0 for a holder of
 * the lock
 * @throws UlpError process-traced
 */
export function requireUntraced(target: Process, limitMs: number): void {
  const ofOthers = ({ tracer }: Thread): boolean => tracer !== 0 && tracer !== process.pid;
  for (const end = now() + limitMs; ;) {
    const thread = target.threads().find(ofOthers);
    if (!thread) return;
    if (now() >= end) throw traced(target.subject, thread.tracer);
    sleep(1);
  }
}
