/** What a wait status of a seized thread means; ptrace(2), "Stopped states". */

export type Stop =
  /** Entry to or exit from a system call, after `syscall()`. */
  | { readonly kind: 'syscall' }
  /** A signal is about to be delivered; pass it on with the next request, or it is lost. */
  | { readonly kind: 'signal'; readonly signal: number }
  /** The whole process is stopped (SIGSTOP and its like). */
  | { readonly kind: 'group'; readonly signal: number }
  /** It runs another program now, perhaps one with more rights: nothing of it may be changed. */
  | { readonly kind: 'executed' }
  /** What `interrupt()` asks for. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: number };

const SIGTRAP = 5;
/** PTRACE_O_TRACESYSGOOD sets this bit in the signal of a syscall-stop. */
const SYSGOOD = 0x80;
/** PTRACE_EVENT_STOP, in the third byte of the status. */
const EVENT_STOP = 128;
/** PTRACE_EVENT_EXEC, the same. */
const EVENT_EXEC = 4;

export function classifyStop(status: number): Stop {
  const low = status & 0x7f;
  if (low === 0) return { kind: 'exited', code: (status >> 8) & 0xff };
  if (low !== 0x7f) return { kind: 'killed', signal: low };
  const signal = (status >> 8) & 0xff;
  const event = (status >> 16) & 0xff;
  if (event === EVENT_STOP)
    return signal === SIGTRAP ? { kind: 'interrupted' } : { kind: 'group', signal };
  if (event === EVENT_EXEC) return { kind: 'executed' };
  if (signal === (SIGTRAP | SYSGOOD)) return { kind: 'syscall' };
  return { kind: 'signal', signal };
}
