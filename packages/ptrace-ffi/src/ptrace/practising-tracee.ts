/**
 * A thread that does not exist, to practise on: the first run of anything in a program takes up to
 * milliseconds (compilation, lazy binding), and shall not be one for which a thread stands still.
 * So this is a live tracee with all its code: every request is made, and only the kernel's answers
 * to it, that there is no such thread, are taken for success.
 */
import type { Tid } from '@ulp/core';
import { DISPATCH_AT, EINVAL, ENOENT, LiveTracee, PTRACE, REGISTERS_AT } from './live-tracee';
import type { Registers } from './registers';

/** Above every pid_max. */
const NOBODY = 0x7fff_ffff as Tid;
/** Wait statuses; see stop.ts. */
const INTERRUPTED = 0x80_057f;
const SYSCALL = 0x857f;

export class PractisingTracee extends LiveTracee {
  private stops = 0;

  /** @param registers as it stands at first; later it stands at system calls */
  constructor(registers: Registers) {
    super(NOBODY);
    this.libc.page.set(registers.bytes, REGISTERS_AT);
  }

  override holds(address: number, word: bigint): boolean {
    super.holds(address, word);
    return true;
  }

  protected override ptrace(request: number, address: number, data: number): number {
    super.ptrace(request, address, data);
    switch (request) {
      case PTRACE.seccompGetFilter: // it has none
        return ENOENT;
      case PTRACE.getSyscallUserDispatch: // it has none
        this.libc.pageView.setBigUint64(DISPATCH_AT, 0n, true);
        return 0;
      case PTRACE.getRegset: // it has no protection keys
        return EINVAL;
      default:
        return 0;
    }
  }

  protected override waitNow(): { readonly status: number } {
    super.waitNow();
    return { status: this.stops++ === 0 ? INTERRUPTED : SYSCALL };
  }
}
