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

/** `movq place(%rip), %r11` that ends at `end`, or `movq $value, %r11`: seven bytes each. */
function loadOffset(end: bigint, tpoff: Runtime['tpoff']): Buffer {
  if ('place' in tpoff)
    return Buffer.concat([Buffer.from('4c8b1d', 'hex'), displacement(end, tpoff.place)]);
  const value = Buffer.alloc(4);
  value.writeInt32LE(Number(BigInt.asIntN(32, tpoff.value)));
  return Buffer.concat([Buffer.from('49c7c3', 'hex'), value]);
}

/** What a trampoline refers to, as link addresses. */
export interface Runtime {
  /**
   * tpoff of the thread block: `place`, the GOT word that holds it, or in a program its `value`.
   */
  readonly tpoff: { readonly place: LinkAddress } | { readonly value: bigint };
  readonly library: LinkAddress;
  /** __ulp_entry: all that is rare. */
  readonly entry: LinkAddress;
}

/**
 * All bytes before a function at S, at rest. The trampoline tells an outermost entry from a nested
 * one:
 *
 *   if (tls.sp > rsp) {
 *     if (tls.low > rsp || tls.universe == outside) goto __ulp_entry     another stack, help
 *     goto S
 *   }
 *   if (tls.sp != 0 || tls.high <= rsp) goto __ulp_entry    tail call, stale claim, another stack,
 *                                                           the first entry
 *   tls.sp = rsp                                            E1, see trm.S
 *   goto tls.code                                           the return slot
 *
 * The jump to the slot is here, in each function, and not in code that all share: it stands right
 * before the slot's call, whose target is predicted from it. r11 = tpoff; S is told by its distance
 * from ulp_library.
 */
export function padding(S: LinkAddress, { tpoff, library, entry }: Runtime): Buffer {
  const start = S - BigInt(PADDING.before);
  const trampoline = Buffer.concat([
    Buffer.from('f30f1efa', 'hex'), //          0  endbr64
    loadOffset(start + 11n, tpoff), //          4  movq tpoff(%rip), %r11, or movq $tpoff, %r11
    Buffer.from('c74424f0', 'hex'), //         11  movl $(S - ulp_library), -16(%rsp)
    displacement(library, S),
    Buffer.from('64493923', 'hex'), //         19  cmpq %rsp, %fs:(%r11)
    Buffer.from('7717', 'hex'), //             23  ja 48
    Buffer.from('6449833b00', 'hex'), //       25  cmpq $0, %fs:(%r11)
    Buffer.from('751f', 'hex'), //             30  jne 63
    Buffer.from('6449396328', 'hex'), //       32  cmpq %rsp, %fs:40(%r11)
    Buffer.from('7618', 'hex'), //             37  jbe 63
    Buffer.from('64498923', 'hex'), //         39  movq %rsp, %fs:(%r11)
    Buffer.from('6441ff6310', 'hex'), //       43  jmp *%fs:16(%r11)
    Buffer.from('6449396320', 'hex'), //       48  cmpq %rsp, %fs:32(%r11)
    Buffer.from('7708', 'hex'), //             53  ja 63
    Buffer.from('6441837b0800', 'hex'), //     55  cmpl $0, %fs:8(%r11)
    Buffer.from([0x75, PADDING.before - 63]), // 61  jne S
    Buffer.from('e9', 'hex'), //               63  jmp __ulp_entry
    displacement(start + 68n, entry),
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
