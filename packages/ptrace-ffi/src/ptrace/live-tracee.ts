/** A thread that this program traces. */
import type { Tid } from '@ulp/core';
import { libc } from '../native';
import { explainDenial } from '../proc/denial';
import { defect, EIO, EPERM, ESRCH, gone, PTRACE, TracedThread } from './traced-thread';
import type { Tracee } from './tracee';

/** PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACEEXEC. */
const OPTIONS = 0x11;
/** How often a denial is put to the test. */
const AGAIN = 2;

function traced(tid: Tid): Tracee {
  const { ptrace, waitNow } = libc();
  return new TracedThread(tid, { ptrace, waitNow });
}

/**
 * Attaches without stopping the thread.
 * @throws UlpError process-missing, process-traced, process-denied
 */
export function seize(tid: Tid): Tracee {
  for (let turn = 0; ; turn++) {
    const result = libc().ptrace(PTRACE.seize, tid, 0, OPTIONS);
    if (result === 0) return traced(tid);
    if (result === ESRCH) throw gone(tid);
    if (result !== EPERM && result !== EIO) throw defect(tid, 'PTRACE_SEIZE', result);
    const error = explainDenial(tid, 'trace');
    // The kernel says the same of a first thread that has ended; by now another one, which
    // executes a program, may have its id.
    if (error.code !== 'process-denied' || turn === AGAIN) throw error;
  }
}

/**
 * A thread that is traced by this program already, by this id: one that has executed a program
 * while it was traced goes on with the id of its process's first thread.
 */
export function executed(pid: Tid): Tracee {
  return traced(pid);
}
