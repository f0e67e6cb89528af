/** Can a thread of the process be borrowed at all? Told before anything is touched. */
import { abi, UlpError } from '@ulp/core';
import { runtimeProblems, type Process } from '@ulp/ptrace-ffi';
import { requireMemory, requireThawed } from './cgroups';

/**
 * @param bytes of memory that its control groups must have left
 * @throws UlpError runtime-unusable, process-unsupported (stopped by job control, frozen, at its
 * limit of memory, or in the memory of its parent)
 */
export function requireReachable(
  process: Process,
  { flags, pid }: abi.UlpControl,
  bytes = 0,
): void {
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
  if (bytes > 0) requireMemory(process, bytes);
}
