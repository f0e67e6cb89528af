/**
 * Where a library takes the address of a function: that must be its trampoline's, or pointers would
 * compare unequal with those that the program sees, and calls through them would go untracked.
 */
import { abi, type LinkAddress } from '@ulp/core';
import { SHT } from '../constants';
import type { ElfFile, Section } from '../elf-file';
import { dynamicRelocations, isRelative, relativeWords } from '../relocations';
import type { Edit } from '../rewrite';
import { Elf64_Rela } from '../structs';
import { codeSections, type Survey } from './functions';

/** The loader itself calls what these point to, or nobody does. */
function isCalledByLoader({ name, header }: Section): boolean {
  const types: readonly number[] = [SHT.INIT_ARRAY, SHT.FINI_ARRAY, SHT.PREINIT_ARRAY];
  return types.includes(header.sh_type) || name === '__patchable_function_entries';
}

function word(value: bigint): Uint8Array {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(value);
  return out;
}

/** Pointers in data: addends of RELATIVE relocations, and the words of RELR. */
export function redirectPointers(elf: ElfFile, { functions }: Survey): Edit[] {
  const before = BigInt(abi.PADDING.before);
  const excluded = elf.sections.filter(isCalledByLoader).map(({ header, size }) => ({
    from: header.sh_addr,
    to: header.sh_addr + BigInt(size),
  }));
  const isExcluded = (at: bigint): boolean => excluded.some((s) => at >= s.from && at < s.to);
  const edits: Edit[] = [];
  for (const { at, raw, ...relocation } of dynamicRelocations(elf))
    if (
      isRelative({ at, raw, ...relocation }) &&
      functions.has(raw.r_addend as LinkAddress) &&
      !isExcluded(raw.r_offset)
    )
      edits.push({
        at: at + Elf64_Rela.offset.r_addend,
        bytes: word(BigInt.asUintN(64, raw.r_addend - before)),
      });
  for (const address of relativeWords(elf)) {
    const at = elf.offsetOf(address);
    const value = elf.bytesAt(address, 8);
    if (at === undefined || !value || isExcluded(address)) continue;
    const pointer = Buffer.from(value).readBigUInt64LE() as LinkAddress;
    if (functions.has(pointer)) edits.push({ at, bytes: word(pointer - before) });
  }
  return edits;
}

/**
 * `lea S(%rip), reg` in code: REX.W [+R] 8d /r with mod 0 and r/m 5. That something else has these
 * three bytes and, as a displacement behind them, exactly the distance to the first byte of one of
 * the functions, is not to be expected: at random once in 2^32 divided by the number of functions
 * for each such triple.
 */
export function redirectCode(elf: ElfFile, { functions }: Survey): Edit[] {
  const LEA_SIZE = 7;
  const edits: Edit[] = [];
  for (const { offset, size, header } of codeSections(elf)) {
    const code = Buffer.from(elf.view.slice(offset, size, 'code'));
    for (let i = code.indexOf(0x8d, 1); i > 0 && i + 6 <= size; i = code.indexOf(0x8d, i + 1)) {
      const rex = code[i - 1];
      if ((rex !== 0x48 && rex !== 0x4c) || ((code[i + 1] ?? 0) & 0xc7) !== 0x05) continue;
      const next = header.sh_addr + BigInt(i - 1 + LEA_SIZE);
      const displacement = code.readInt32LE(i + 2);
      const target = (next + BigInt(displacement)) as LinkAddress;
      if (!functions.has(target)) continue;
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(displacement - abi.PADDING.before);
      edits.push({ at: offset + i + 2, bytes });
    }
  }
  return edits;
}
