/**
 * A thread that does not exist, to practise on: the first run of anything in a program takes up to
 * milliseconds (compilation, lazy binding), and shall not be one for which a thread stands still.
 * Every request is made to the kernel. Its answer, that there is no such thread, is replaced by
 * that of a thread that does all that is asked of it.
 */
import type { Tid } from '@ulp/core';
import { libc } from '../native';
import type { Registers } from './registers';
import {
  DISPATCH_AT,
  EINVAL,
  ENOENT,
  PTRACE,
  REGISTERS_AT,
  TracedThread,
  WORD_AT,
  type Answers,
} from './traced-thread';
import type { Tracee } from './tracee';

/** Above every pid_max. */
const NOBODY = 0x7fff_ffff as Tid;
/** Wait statuses; see stop.ts. */
const INTERRUPTED = 0x80_057f;
const SYSCALL = 0x857f;

/**
 * @param registers as it stands at first; later it stands at system calls
 * @param words that it finds in its memory, one after the other
 */
export function practisingTracee(registers: Registers, words: readonly bigint[]): Tracee {
  const { page, pageView, ptrace, waitNow } = libc();
  page.set(registers.bytes, REGISTERS_AT);
  let stops = 0;
  let peeks = 0;
  const answers: Answers = {
    ptrace(request, tid, address, data) {
      ptrace(request, tid, address, data);
      switch (request) {
        case PTRACE.seccompGetFilter: // it has none
          return ENOENT;
        case PTRACE.getRegset: // it has no protection keys
          return EINVAL;
        case PTRACE.getSyscallUserDispatch: // it has none
          pageView.setBigUint64(DISPATCH_AT, 0n, true);
          return 0;
        case PTRACE.peekdata:
          pageView.setBigUint64(WORD_AT, words[peeks++] ?? 0n, true);
          return 0;
        default:
          return 0;
      }
    },
    waitNow(tid) {
      waitNow(tid);
      return { status: stops++ === 0 ? INTERRUPTED : SYSCALL };
    },
  };
  return new TracedThread(NOBODY, answers);
}
