/**
 * Adding symbols to .symtab. Nothing that is loaded moves: the table, its names and what lies
 * behind them are the end of the file, as linkers write it. In a file that ends otherwise nothing
 * is added.
 */
import { array, type LinkAddress } from '@ulp/core';
import { EI_OSABI, ELFOSABI, SHF, SHN, SHT, STB, STT } from './constants';
import type { ElfFile, Section } from './elf-file';
import { Elf64_Ehdr, Elf64_Shdr, Elf64_Sym, type Elf64Ehdr, type Elf64Shdr } from './structs';

export interface NewSymbol {
  readonly name: string;
  readonly value: LinkAddress;
  /** In bytes. */
  readonly size: number;
  readonly type: number;
  readonly binding: number;
}

/** Largest alignment of a section at the end of a file that is believed, in bytes. */
const ALIGNMENT_LIMIT = 4096n;

interface Tail {
  readonly start: number;
  readonly symbols: Section;
  readonly strings: Section;
  /** In the order of their offsets. */
  readonly sections: readonly Section[];
}

function findTail(elf: ElfFile): Tail | undefined {
  const [symbols] = elf.sectionsOfType(SHT.SYMTAB);
  if (!symbols || symbols.size % Elf64_Sym.size !== 0) return undefined;
  const strings = elf.linked(symbols);
  const start = Math.min(symbols.offset, strings.offset);
  const sections = elf.sections
    .filter(({ offset, header }) => offset >= start && header.sh_type !== SHT.NULL)
    .sort((a, b) => a.offset - b.offset);
  const isLast =
    elf.header.e_shoff >= BigInt(start) &&
    [...elf.segments, ...elf.sections.filter(({ offset }) => offset < start)].every(
      ({ offset, size }) => offset + size <= start,
    );
  const isMovable = sections.every(
    ({ header }) =>
      (header.sh_flags & BigInt(SHF.ALLOC)) === 0n && header.sh_addralign <= ALIGNMENT_LIMIT,
  );
  // Another section that counts symbols by number: --emit-relocs.
  const isCounted = elf.sections.some(({ header }) => header.sh_link === symbols.index);
  return isLast && isMovable && !isCounted ? { start, symbols, strings, sections } : undefined;
}

/** Appended names, each once, and where they lie in the string table. */
function extendNames(
  before: Uint8Array,
  names: readonly string[],
): { bytes: Uint8Array; at: Map<string, number> } {
  const at = new Map<string, number>();
  const parts = [before];
  let size = before.length;
  for (const name of new Set(names)) {
    const bytes = Buffer.from(`${name}\0`);
    at.set(name, size);
    parts.push(bytes);
    size += bytes.length;
  }
  return { bytes: Buffer.concat(parts), at };
}

function sectionOf(elf: ElfFile, address: LinkAddress): number {
  const section = elf.sections.find(
    ({ header }) =>
      (header.sh_flags & BigInt(SHF.EXECINSTR)) !== 0n &&
      address >= header.sh_addr &&
      address < header.sh_addr + header.sh_size,
  );
  return section?.index ?? SHN.UNDEF;
}

/** @param bytes of the file, which may have been edited before the end that elf describes */
export function addSymbols(
  elf: ElfFile,
  bytes: Uint8Array,
  added: readonly NewSymbol[],
): Uint8Array {
  const tail = added.length > 0 ? findTail(elf) : undefined;
  if (!tail) return bytes;
  const { start, symbols, strings } = tail;
  const content = ({ offset, size }: Section): Uint8Array => bytes.subarray(offset, offset + size);
  const names = extendNames(
    content(strings),
    added.map(({ name }) => name),
  );
  const encode = (list: readonly NewSymbol[]): Uint8Array[] =>
    list.map(({ name, value, size, type, binding }) =>
      Elf64_Sym.encode({
        st_name: names.at.get(name) ?? 0,
        st_info: (binding << 4) | type,
        st_other: 0,
        st_shndx: sectionOf(elf, value),
        st_value: value,
        st_size: BigInt(size),
      }),
    );
  const local = added.filter(({ binding }) => binding === STB.LOCAL);
  const global = added.filter(({ binding }) => binding !== STB.LOCAL);
  const table = content(symbols);
  // The null symbol; ours, before the first file's; the rest, local ones first.
  const head = table.subarray(0, Elf64_Sym.size);
  const rest = table.subarray(Elf64_Sym.size);
  const grown = new Map<Section, Uint8Array>([
    [strings, names.bytes],
    [symbols, Buffer.concat([head, ...encode(local), rest, ...encode(global)])],
  ]);
  const headers = elf.sections.map(({ header }) => header);
  const parts = [bytes.subarray(0, start)];
  let end = start;
  const put = (part: Uint8Array, alignment: number): number => {
    const gap = (alignment - (end % alignment)) % alignment;
    parts.push(new Uint8Array(gap), part);
    end += gap + part.length;
    return end - part.length;
  };
  for (const section of tail.sections) {
    const part = grown.get(section) ?? content(section);
    headers[section.index] = {
      ...section.header,
      sh_offset: BigInt(put(part, Number(section.header.sh_addralign) || 1)),
      ...(grown.has(section) ? { sh_size: BigInt(part.length) } : {}),
      ...(section === symbols ? { sh_info: section.header.sh_info + local.length } : {}),
    };
  }
  const shoff = put(encodeHeaders(headers), 8);
  const out = new Uint8Array(Buffer.concat(parts));
  out.set(Elf64_Ehdr.encode({ ...identified(elf.header, added), e_shoff: BigInt(shoff) }));
  return out;
}

/** An IFUNC is a GNU extension: the header has to say that the file has such symbols. */
function identified(header: Elf64Ehdr, added: readonly NewSymbol[]): Elf64Ehdr {
  const e_ident = Uint8Array.from(header.e_ident);
  if (e_ident[EI_OSABI] === ELFOSABI.NONE && added.some(({ type }) => type === STT.GNU_IFUNC))
    e_ident[EI_OSABI] = ELFOSABI.GNU;
  return { ...header, e_ident };
}

function encodeHeaders(headers: readonly Elf64Shdr[]): Uint8Array {
  const codec = array(Elf64_Shdr, headers.length);
  const out = new Uint8Array(codec.size);
  codec.set(new DataView(out.buffer), 0, [...headers]);
  return out;
}
