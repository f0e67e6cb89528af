/** Symbol tables: .dynsym, which the loader uses, and .symtab, which strip takes away. */
import { linkAddress, type LinkAddress } from '@ulp/core';
import { SHF, SHN, SHT, STB, STT } from './constants';
import type { ElfFile, Section } from './elf-file';
import { Elf64_Sym, type Elf64Sym } from './structs';
import { readTable } from './table';
import { definedVersions, type SymbolVersion } from './versions';

export interface ElfSymbol {
  /** File offset in bytes of its Elf64_Sym. */
  readonly at: number;
  readonly name: string;
  readonly version?: SymbolVersion;
  readonly value: LinkAddress;
  /** In bytes. */
  readonly size: bigint;
  readonly type: number;
  readonly binding: number;
  readonly visibility: number;
  readonly raw: Elf64Sym;
}

/**
 * Names may overlap (linkers merge tails), but not without end: a crafted table could let every
 * symbol name one huge string. The sum of all names is bounded by this many times the size of the
 * table.
 */
const OVERLAP = 16;
const SMALL = 64 << 10;

function readSymbols(
  elf: ElfFile,
  table: Section,
  versions: (SymbolVersion | undefined)[],
): ElfSymbol[] {
  const strings = elf.linked(table);
  const end = strings.offset + strings.size;
  let room = OVERLAP * strings.size + SMALL;
  return readTable(elf, table, Elf64_Sym).map((raw, i) => {
    const version = versions[i];
    const name = elf.view.string(strings.offset + raw.st_name, 'symbol name', end);
    room -= name.length;
    if (room < 0)
      throw elf.malformed(`section ${table.name}`, 'names that overlap little', 'a string bomb');
    return {
      at: table.offset + i * Elf64_Sym.size,
      name,
      ...(version ? { version } : {}),
      value: linkAddress(raw.st_value),
      size: raw.st_size,
      type: raw.st_info & 0xf,
      binding: raw.st_info >> 4,
      visibility: raw.st_other & 3,
      raw,
    };
  });
}

/** The symbols that the loader sees. */
export function dynamicSymbols(elf: ElfFile): ElfSymbol[] {
  const [table] = elf.sectionsOfType(SHT.DYNSYM);
  return table ? readSymbols(elf, table, definedVersions(elf)) : [];
}

/** The full symbol table; empty when it was stripped. */
export function staticSymbols(elf: ElfFile): ElfSymbol[] {
  const [table] = elf.sectionsOfType(SHT.SYMTAB);
  return table ? readSymbols(elf, table, []) : [];
}

/** Is it defined here, in executable memory? */
export function isDefinedInCode(elf: ElfFile, symbol: ElfSymbol): boolean {
  const { st_shndx } = symbol.raw;
  if (st_shndx === SHN.UNDEF || st_shndx >= SHN.LORESERVE) return false;
  const section = elf.sections[st_shndx];
  return section !== undefined && (section.header.sh_flags & BigInt(SHF.EXECINSTR)) !== 0n;
}

export const isFunction = (symbol: ElfSymbol): boolean => symbol.type === STT.FUNC;
export const isIfunc = (symbol: ElfSymbol): boolean => symbol.type === STT.GNU_IFUNC;
export const isGlobal = (symbol: ElfSymbol): boolean => symbol.binding !== STB.LOCAL;
