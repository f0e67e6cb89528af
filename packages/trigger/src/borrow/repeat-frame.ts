/**
 * How a thread goes on in a call whose time-out is partly over: at the gadget's own system call
 * instruction, with what is left, and a frame below its stack from which the gadget gives it the
 * changed register back afterwards (runtime/src/gadget.S).
 */
import { abi, remoteAddress, type RemoteAddress } from '@ulp/core';
import type { RegisterName, Registers } from '@ulp/ptrace-ffi/borrowing';
import type { Left } from './time-left';

const ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'] as const satisfies RegisterName[];
const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

export interface Repeat {
  readonly address: RemoteAddress;
  /** What must lie there. */
  readonly bytes: Uint8Array;
  /** With which the thread goes on. */
  readonly registers: Registers;
}

/**
 * @param registers at the stop, resumable
 * @param repeat of the control block
 * @param below the lowest address of the thread's stack that is in use
 */
export function repeatWith(
  registers: Registers,
  { timeOut, ns }: Left,
  repeat: bigint,
  below: bigint,
): Repeat {
  const get = registers.get.bind(registers);
  // Borrowed in the same call before: the frame of then stays, and says how the thread goes on.
  const isAgain = get('rip') === repeat;
  const frame = isAgain ? get('rsp') : below - BigInt(abi.ulp_repeat_frame.size);
  const atTimespec = frame + BigInt(abi.ulp_repeat_frame.offset.seconds);
  const argument = ARGUMENTS[timeOut.argument] ?? 'r9';
  const changed = registers.with({
    [argument]: timeOut.kind === 'ms' ? (ns + NS_PER_MS - 1n) / NS_PER_MS : atTimespec,
  });
  const bytes = abi.ulp_repeat_frame.encode({
    r10: get('r10'),
    rdx: get('rdx'),
    r8: get('r8'),
    rcx: get('rcx'),
    rip: get('rip'),
    seconds: ns / NS_PER_S,
    nanoseconds: ns % NS_PER_S,
  });
  if (isAgain)
    return {
      address: remoteAddress(atTimespec),
      bytes: bytes.subarray(abi.ulp_repeat_frame.offset.seconds),
      registers: changed,
    };
  return {
    address: remoteAddress(frame),
    bytes,
    registers: changed.with({ rip: repeat, rsp: frame }),
  };
}
