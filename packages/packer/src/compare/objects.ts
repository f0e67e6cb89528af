/** The data of a library: named objects, and the sections that they lie in. */
import { SHF, SHN, STT, type ElfFile, type Section } from '@ulp/elf';
import type { Library } from './functions';

export interface DataObject {
  readonly name: string;
  readonly file?: string;
  readonly address: number;
  /** In bytes. */
  readonly size: number;
  /** Nobody writes to it once the library is loaded. */
  readonly isConstant: boolean;
  /** The compiler has numbered it, anew in each build: `table.12`, `CSWTCH.7`. */
  readonly isNumbered: boolean;
}

const NUMBERS = /(?:\.\d+)+$/;

/** By address; the first name of each. */
export function objectsOf({ elf, symbols }: Library): DataObject[] {
  const found = new Map<number, DataObject>();
  for (const { name, file, value, size, type, raw } of symbols) {
    if (type !== STT.OBJECT || name === '' || size === 0n) continue;
    const section = sectionOf(elf, raw.st_shndx);
    if (!section) continue;
    const address = Number(value);
    const other = found.get(address);
    if (other && other.size >= Number(size)) continue;
    found.set(address, {
      name: name.replace(/@.*/, '').replace(NUMBERS, ''),
      ...(file === undefined ? {} : { file }),
      address,
      size: Number(size),
      isConstant: isConstant(section),
      isNumbered: NUMBERS.test(name),
    });
  }
  return [...found.values()].sort((a, b) => a.address - b.address);
}

const sectionOf = (elf: ElfFile, index: number): Section | undefined =>
  index === SHN.UNDEF || index >= SHN.LORESERVE ? undefined : elf.sections[index];

export const isConstant = ({ name, header }: Section): boolean =>
  !(header.sh_flags & BigInt(SHF.WRITE)) || name.startsWith('.data.rel.ro');

export const isCode = ({ header }: Section): boolean =>
  (header.sh_flags & BigInt(SHF.EXECINSTR)) !== 0n;

/**
 * Sections that are loaded, by address; those of thread-local data have no addresses of their own.
 */
export function loadedSections(elf: ElfFile): (Section & { address: number; end: number })[] {
  const TLS = 0x400n;
  return elf.sections
    .filter(({ header }) => header.sh_flags & BigInt(SHF.ALLOC) && !(header.sh_flags & TLS))
    .map((section) => {
      const address = Number(section.header.sh_addr);
      return { ...section, address, end: address + Number(section.header.sh_size) };
    })
    .sort((a, b) => a.address - b.address);
}
