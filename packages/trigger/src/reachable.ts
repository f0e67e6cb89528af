/** Can a thread of the process be borrowed at all? Told before anything is touched. */
import { abi, UlpError } from '@ulp/core';
import { requireThawed } from './cgroups';
import { now, runtimeProblems, sleep, traced, type Process, type Thread } from '@ulp/ptrace-ffi';

/**
 * @throws UlpError runtime-unusable, process-unsupported (stopped by job control, frozen, or in the
 * memory of its parent)
 */
export function requireReachable(process: Process, { flags, pid }: abi.UlpControl): void {
  const problems = runtimeProblems(flags);
  if (problems.length > 0)
    throw new UlpError('runtime-unusable', {
      subject: process.subject,
      detail: problems.join('; '),
    });
  // Its exec would end the helper in the middle of its work, with locks held that the parent needs.
  const owner = pid === process.ownPid() ? undefined : process.sharesMemoryWith();
  if (owner !== undefined)
    throw new UlpError('process-unsupported', {
      subject: process.subject,
      fact: `it runs in the memory of process ${owner}, until it executes a program (vfork)`,
      detail: `patch process ${owner}`,
    });
  // `t` is a thread that its tracer has stopped.
  if (process.threads().some(({ state }) => state === 'T'))
    throw new UlpError('process-unsupported', {
      subject: process.subject,
      fact: 'it is stopped by job control',
      detail: 'let it go on first (SIGCONT)',
    });
  requireThawed(process);
}

/**
 * A process with one thread that is traced counts as traced: its tracer may be about to attach to
 * the others; and if it is its own, and never waits, an execve(2) of the process does not end, and
 * keeps everybody who would seize a thread waiting.
 * @param patienceMs how long a tracer may be another tool that borrows a thread; 0 for a holder of
 * the lock
 * @throws UlpError process-traced
 */
export function requireUntraced(target: Process, patienceMs: number): void {
  const ofOthers = ({ tracer }: Thread): boolean => tracer !== 0 && tracer !== process.pid;
  for (const end = now() + patienceMs; ;) {
    const thread = target.threads().find(ofOthers);
    if (!thread) return;
    if (now() >= end) throw traced(target.subject, thread.tracer);
    sleep(1);
  }
}
