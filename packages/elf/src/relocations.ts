/** Dynamic relocations: RELA tables, and the packed relative ones (RELR). */
import { linkAddress, type LinkAddress } from '@ulp/core';
import { R_X86_64, SHF, SHT } from './constants';
import type { ElfFile } from './elf-file';
import { Elf64_Rela, Elf64_Relr, type Elf64Rela } from './structs';
import { Room } from './room';
import { readTable } from './table';

export interface Relocation {
  /** File offset in bytes of its Elf64_Rela. */
  readonly at: number;
  readonly type: number;
  readonly raw: Elf64Rela;
}

/** Those that the loader applies: of allocated sections. */
export function dynamicRelocations(elf: ElfFile): Relocation[] {
  return elf
    .sectionsOfType(SHT.RELA)
    .filter((section) => section.header.sh_flags & BigInt(SHF.ALLOC))
    .flatMap((section) =>
      readTable(elf, section, Elf64_Rela).map((raw, i) => ({
        at: section.offset + i * Elf64_Rela.size,
        type: Number(raw.r_info & 0xffffffffn),
        raw,
      })),
    );
}

export const isRelative = (relocation: Relocation): boolean =>
  relocation.type === R_X86_64.RELATIVE;

/** Bits of a RELR bitmap that stand for words: all but the lowest. */
const RELR_WORDS = 63;

/** Bytes of an address. */
const WORD = 8;

/**
 * The addresses that RELR entries stand for (gABI, "Relative Relocation Table").
 * @param room bytes that there are to relocate
 */
export function decodeRelr(entries: readonly bigint[], room?: Room): LinkAddress[] {
  const addresses: LinkAddress[] = [];
  let next = 0n;
  for (const entry of entries) {
    room?.take((entry & 1n) === 0n ? WORD : RELR_WORDS * WORD);
    if ((entry & 1n) === 0n) {
      addresses.push(linkAddress(entry));
      next = entry + 8n;
      continue;
    }
    for (let bit = 0; bit < RELR_WORDS; bit++)
      if ((entry >> BigInt(bit + 1)) & 1n) addresses.push(linkAddress(next + BigInt(bit) * 8n));
    next += BigInt(RELR_WORDS) * 8n;
  }
  return addresses;
}

/** The words that RELR relocates; the value to be relocated lies in the word itself. */
export function relativeWords(elf: ElfFile): LinkAddress[] {
  // What is relocated lies in the file; a bitmap may reach over the end of it.
  const room = new Room(
    2 * elf.view.length + RELR_WORDS * WORD,
    elf.subject,
    'relative relocations',
  );
  return elf.sectionsOfType(SHT.RELR).flatMap((section) =>
    decodeRelr(
      readTable(elf, section, Elf64_Relr).map((r) => r.r_entry),
      room,
    ),
  );
}
