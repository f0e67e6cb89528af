/**
 * The bytes that a gate writes: trampoline, entry instruction, nops. Layout: PADDING in the ABI.
 */
import { abi, type LinkAddress } from '@ulp/core';

const { PADDING, ENTRY } = abi;

/** Recommended multi-byte nops (Intel SDM volume 2, NOP), by length. */
const NOPS = [
  '',
  '90',
  '6690',
  '0f1f00',
  '0f1f4000',
  '0f1f440000',
  '660f1f440000',
  '0f1f8000000000',
  '0f1f840000000000',
  '660f1f840000000000',
].map((hex) => Buffer.from(hex, 'hex'));

function nops(size: number): Buffer {
  const out: Buffer[] = [];
  for (let left = size; left > 0;) {
    const nop = NOPS[Math.min(left, NOPS.length - 1)] as Buffer;
    out.push(nop);
    left -= nop.length;
  }
  return Buffer.concat(out);
}

/** A signed 32-bit displacement from the end of an instruction. */
function displacement(from: bigint, to: bigint): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32LE(Number(to - from));
  return out;
}

/** What a trampoline refers to, as link addresses. */
export interface Runtime {
  /** The GOT word that holds tpoff of the thread block. */
  readonly tpoff: LinkAddress;
  readonly library: LinkAddress;
  /** __ulp_entry: all that is rare. */
  readonly entry: LinkAddress;
}

/**
 * All bytes before a function at S, at rest. The trampoline tells an outermost entry from a nested
 * one:
 *
 *   if (tls.sp > rsp && tls.universe != outside) goto S
 *   if (tls.sp != 0) goto __ulp_entry                  help, tail call, stale claim, another stack
 *   tls.sp = rsp                                       E1, see trm.S
 *   goto tls.code                                      the return slot
 *
 * The jump to the slot is here, in each function, and not in code that all share: it stands right
 * before the slot's call, whose target is predicted from it. r11 = tpoff; S is told by its distance
 * from ulp_library.
 */
export function padding(S: LinkAddress, { tpoff, library, entry }: Runtime): Buffer {
  const start = S - BigInt(PADDING.before);
  const trampoline = Buffer.concat([
    Buffer.from('f30f1efa', 'hex'), //          0  endbr64
    Buffer.from('4c8b1d', 'hex'), //            4  movq tpoff(%rip), %r11
    displacement(start + 11n, tpoff),
    Buffer.from('c74424f0', 'hex'), //         11  movl $(S - ulp_library), -16(%rsp)
    displacement(library, S),
    Buffer.from('64493923', 'hex'), //         19  cmpq %rsp, %fs:(%r11)
    Buffer.from('7710', 'hex'), //             23  ja 41
    Buffer.from('6449833b00', 'hex'), //       25  cmpq $0, %fs:(%r11)
    Buffer.from('7511', 'hex'), //             30  jne 49
    Buffer.from('64498923', 'hex'), //         32  movq %rsp, %fs:(%r11)
    Buffer.from('6441ff6310', 'hex'), //       36  jmp *%fs:16(%r11)
    Buffer.from('6441837b08ff', 'hex'), //     41  cmpl $-1, %fs:8(%r11)
    Buffer.from([0x75, PADDING.before - 49]), // 47  jne S
    Buffer.from('e9', 'hex'), //               49  jmp __ulp_entry
    displacement(start + 54n, entry),
  ]);
  return Buffer.concat([
    trampoline,
    nops(PADDING.before - PADDING.trampolineSize), // selector and chain jump
  ]);
}

/** The entry instruction at rest: `test $dd, %al`, dd being the way to the selector. */
export function restingEntry(entryOffset: number): Buffer {
  const back = PADDING.selector - PADDING.before - entryOffset - PADDING.after;
  return Buffer.from([ENTRY.rest, back & 0xff]);
}
