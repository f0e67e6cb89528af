/** What becomes of a system call that a stop has interrupted. */
import type { Registers } from './registers';

const EINTR = -4n;

/** In rax, never seen by programs: how the kernel restarts the call (include/linux/errno.h). */
export const ERESTART = { SYS: -512n, NOINTR: -513n, NOHAND: -514n, RESTARTBLOCK: -516n } as const;

/**
 * The registers with which a stopped thread must be let go. A system call that an interrupt-stop
 * broke off, and that shows -EINTR, would fail for good: with -ERESTARTNOHAND the kernel decides,
 * -EINTR if a handler really runs, a restart if none does.
 */
export function resumable(registers: Registers): Registers {
  const inSyscall = registers.signed('orig_rax') >= 0n;
  return inSyscall && registers.signed('rax') === EINTR
    ? registers.with({ rax: ERESTART.NOHAND })
    : registers;
}
