/**
 * A thread of another process, borrowed through ptrace(2): seize, interrupt, look, change, detach.
 *
 * All of it is synchronous. Between interrupt() and detach() there must be no `await`: the event
 * loop would reap stops (libuv waits for its children), and the thread would stand still for
 * longer.
 *
 * There are two implementations: a thread that is traced (live-tracee.ts), and one that does not
 * exist, to practise on (practising-tracee.ts).
 */
import type { Tid } from '@ulp/core';
import type { Registers } from './registers';
import type { SeccompFilter } from './seccomp';
import type { Stop } from './stop';

/** Where a method says nothing else, it throws UlpError process-missing when the thread is gone. */
export interface Tracee {
  readonly tid: Tid;

  /** Asks the thread to stop; waitForStop() tells when it has. */
  interrupt(): void;

  /**
   * The next stop, or the thread's end.
   * @returns undefined when nothing happened in time: the thread does not stand, and cannot be
   * detached (a parent in vfork, a thread in uninterruptible sleep)
   */
  waitForStop(timeoutMs: number): Stop | undefined;

  getRegs(): Registers;
  setRegs(registers: Registers): void;

  /** Bit n-1 stands for signal n. */
  getSigmask(): bigint;
  /** Drops a temporary mask (sigsuspend, ppoll) as well. */
  setSigmask(mask: bigint): void;

  /**
   * How many seccomp filters stand before the thread's system calls; they can only become more.
   * @returns undefined when this kernel does not tell us: it takes CAP_SYS_ADMIN on the host, and
   * no filter of our own
   */
  seccompFilterCount(): number | undefined;

  /** @returns the filters, the newest first; undefined as above */
  seccompFilters(): SeccompFilter[] | undefined;

  /**
   * Do some of its system calls raise SIGSYS instead (PR_SET_SYSCALL_USER_DISPATCH)?
   * @returns undefined when the kernel does not tell: before Linux 6.4
   */
  dispatchesSyscalls(): boolean | undefined;

  /** Do protection keys (pkeys(7)) keep the thread from ordinary memory just now? */
  isLockedOut(): boolean;

  /**
   * Does this word lie at an address, as the thread itself sees its memory?
   * @param address of at most 53 bits
   */
  holds(address: number, word: bigint): boolean;

  /** Goes on to the next entry to or exit from a system call. */
  syscall(signal?: number): void;

  cont(signal?: number): void;

  /** Lets the thread go. Does nothing when it is gone already. */
  detach(signal?: number): void;
}
