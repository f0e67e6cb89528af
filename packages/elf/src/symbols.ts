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

function readSymbols(
  elf: ElfFile,
  table: Section,
  versions: (SymbolVersion | undefined)[],
): ElfSymbol[] {
  const strings = elf.linked(table);
  return readTable(elf, table, Elf64_Sym).map((raw, i) => {
    const version = versions[i];
    return {
      at: table.offset + i * Elf64_Sym.size,
      name: elf.view.string(strings.offset + raw.st_name, 'symbol name'),
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
