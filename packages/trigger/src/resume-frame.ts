/**
 * What a borrowed thread needs to go on by itself: its registers as the kernel would restart them, in the
 * order in which the tail of the gadget pops them (runtime/src/gadget.S).
 */
import { abi } from '@ulp/core';
import type { Registers } from '@ulp/ptrace-ffi';

/** Size of the `syscall` instruction in bytes: a restarted system call is executed again. */
const SYSCALL_SIZE = 2n;
const NR_RESTART_SYSCALL = 219n;
/** Never seen by programs: what the kernel makes of a system call that a stop has interrupted. */
const ERESTART = { SYS: -512n, NOINTR: -513n, NOHAND: -514n, RESTARTBLOCK: -516n } as const;

/**
 * @param registers as they are at the stop, resumable
 * @param mask the thread's signal mask
 * @returns the bytes of an ulp_resume_frame
 */
export function resumeFrame(registers: Registers, mask: bigint): Uint8Array {
  const code = registers.signed('rax');
  const number = registers.signed('orig_rax');
  const { rax, restart } = number < 0n ? { rax: code, restart: 0n } : restarted(code, number);
  const get = registers.get.bind(registers);
  return abi.ulp_resume_frame.encode({
    mask,
    restart,
    r15: get('r15'),
    r14: get('r14'),
    r13: get('r13'),
    r12: get('r12'),
    r11: get('r11'),
    r10: get('r10'),
    r9: get('r9'),
    r8: get('r8'),
    rbp: get('rbp'),
    rdi: get('rdi'),
    rsi: get('rsi'),
    rdx: get('rdx'),
    rcx: get('rcx'),
    rbx: get('rbx'),
    rax: BigInt.asUintN(64, rax),
    eflags: get('eflags'),
    rip: rax === code ? get('rip') : get('rip') - SYSCALL_SIZE,
  });
}

/** `restart` names the codes for which a handler that is pending means EINTR; see gadget.c. */
function restarted(code: bigint, number: bigint): { rax: bigint; restart: bigint } {
  switch (code) {
    case ERESTART.SYS:
    case ERESTART.NOHAND:
      return { rax: number, restart: -code };
    case ERESTART.NOINTR:
      return { rax: number, restart: 0n };
    case ERESTART.RESTARTBLOCK:
      return { rax: NR_RESTART_SYSCALL, restart: 0n };
    default:
      return { rax: code, restart: 0n };
  }
}
