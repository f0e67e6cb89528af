/**
 * Rehearsing the borrowing of a thread on a thread that does not exist. The first run of a function
 * takes up to ten times as long as the later ones (compilation, lazy binding, the processor's
 * caches), and a thread would stand still for it. What would be written on a thread's stack goes to
 * a page of our own.
 */
import { readFileSync } from 'node:fs';
import { Memory, parseMaps } from '@ulp/ptrace-ffi';
import {
  ERESTART,
  libc,
  practisingTracee,
  Registers,
  SYSCALL,
  user_regs_struct,
  type Tracee,
} from '@ulp/ptrace-ffi/borrowing';
import { USER_CS_64 } from './gadget';
import type { Loan } from './loan';

/** Once in this program, before a thread is chosen: for the compiler. */
export const REHEARSALS = 10;
/** Before each thread: for the processor's caches. */
export const AGAIN = 2;

const EPOLL_WAIT = BigInt(SYSCALL.epoll_wait);
const EINTR = -4n;

/** @param lend what is to be rehearsed, from the request to stop to the detaching */
export function rehearse(
  loan: Omit<Loan, 'maps'>,
  turns: number,
  lend: (loan: Loan, tracee: Tracee) => void,
): void {
  const maps = parseMaps(readFileSync('/proc/self/maps', 'latin1'));
  const { page, pageAddress } = libc();
  const outside = new Registers(new Uint8Array(user_regs_struct.size)).with({
    cs: USER_CS_64,
    rsp: BigInt(pageAddress + page.length / 2),
    orig_rax: -1n,
  });
  const stops = [
    outside,
    outside.with({ orig_rax: 0n, rax: ERESTART.SYS }),
    outside.with({ orig_rax: EPOLL_WAIT, rax: EINTR }),
  ];
  const own = Memory.own();
  for (let turn = 0; turn < turns; turn++)
    for (const registers of stops) {
      const nobody = practisingTracee(registers, [loan.mark, loan.token]);
      nobody.interrupt();
      lend({ ...loan, memory: own, maps }, nobody);
    }
  own.close();
}
