/** The bytes that a gate writes: trampoline, entry instruction, nops. Layout: PADDING in the ABI. */
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

/**
 * All bytes before a function at S, at rest.
 * @param guard link address of the word that is 0 without libpulp.so
 * @param entry link address of __ulp_entry
 */
export function padding(S: LinkAddress, guard: LinkAddress, entry: LinkAddress): Buffer {
  const start = S - BigInt(PADDING.before);
  const trampoline = Buffer.concat([
    Buffer.from('f30f1efa', 'hex'), //        0  endbr64
    Buffer.from('48833d', 'hex'), //          4  cmpq $0, guard(%rip)
    displacement(start + 12n, guard),
    Buffer.from('00', 'hex'),
    Buffer.from([0x74, PADDING.before - 14]), // 12  je S
    Buffer.from('4c8d1d', 'hex'), //         14  lea S(%rip), %r11
    displacement(start + 21n, S),
    Buffer.from('e9', 'hex'), //             21  jmp __ulp_entry
    displacement(start + 26n, entry),
  ]);
  return Buffer.concat([
    trampoline,
    nops(PADDING.selector - PADDING.trampolineSize),
    nops(PADDING.selectorSize),
    nops(PADDING.chainJumpSize),
    nops(PADDING.before - PADDING.chainJump - PADDING.chainJumpSize),
  ]);
}

/** The entry instruction at rest: `test $dd, %al`, dd being the way to the selector. */
export function restingEntry(entryOffset: number): Buffer {
  const back = PADDING.selector - PADDING.before - entryOffset - PADDING.after;
  return Buffer.from([ENTRY.rest, back & 0xff]);
}
