/**
 * What a borrowed thread needs to go on by itself: its registers as the kernel would restart them,
 * in the order in which the tail of the gadget pops them (runtime/src/gadget.S).
 */
import { abi } from '@ulp/core';
import {
  ERESTART,
  SYSCALL,
  user_regs_struct,
  type RegisterName,
  type Registers,
} from '@ulp/ptrace-ffi/borrowing';

/** Size of the `syscall` instruction in bytes: a restarted system call is executed again. */
const SYSCALL_SIZE = 2n;
const NR_RESTART_SYSCALL = BigInt(SYSCALL.restart_syscall);

const MADE = ['mask', 'restart', 'rax', 'rip'];
/** These go back as they are. */
const KEPT = Object.keys(abi.ulp_resume_frame.offset).filter(
  (name) => !MADE.includes(name),
) as (RegisterName & keyof typeof abi.ulp_resume_frame.offset)[];
/** Of each half of them: its word in the frame, and its word in the kernel's struct. */
const TO = KEPT.flatMap((name) => halves(abi.TOKEN_BYTES + abi.ulp_resume_frame.offset[name]));
const FROM = KEPT.flatMap((name) => halves(user_regs_struct.offset[name]));

function halves(offset: number): [number, number] {
  return [offset / 4, offset / 4 + 1];
}

/**
 * Written while a thread stands still: word by word, which needs no compilation to be quick.
 * @param registers as they are at the stop, resumable
 * @param mask the thread's signal mask
 * @param token lies below the frame
 * @returns the bytes of the token and of an ulp_resume_frame
 */
export function resumeFrame(registers: Registers, mask: bigint, token: bigint): Uint8Array {
  const code = registers.signed('rax');
  const number = registers.signed('orig_rax');
  const { rax, restart } = number < 0n ? { rax: code, restart: 0n } : restarted(code, number);
  const bytes = new Uint8Array(abi.TOKEN_BYTES + abi.ulp_resume_frame.size);
  const all = new DataView(bytes.buffer);
  const words = new Uint32Array(bytes.buffer);
  const found = new Uint32Array(registers.bytes.buffer);
  for (let i = 0; i < TO.length; i++) words[TO[i] ?? 0] = found[FROM[i] ?? 0] ?? 0;
  const { offset } = abi.ulp_resume_frame;
  const rip = registers.get('rip');
  all.setBigUint64(0, token, true);
  all.setBigUint64(abi.TOKEN_BYTES + offset.mask, mask, true);
  all.setBigUint64(abi.TOKEN_BYTES + offset.restart, restart, true);
  all.setBigUint64(abi.TOKEN_BYTES + offset.rax, rax, true);
  all.setBigUint64(abi.TOKEN_BYTES + offset.rip, rax === code ? rip : rip - SYSCALL_SIZE, true);
  return bytes;
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
