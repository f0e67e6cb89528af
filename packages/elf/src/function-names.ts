/**
 * Which function holds an address: .symtab, or where strip has taken it away .dynsym. The file is
 * read in pieces, because only these two tables matter, and it may be anybody's: what makes no
 * sense names nothing.
 */
import { SHN, SHT, STB, STT } from './constants';
import { Elf64_Ehdr, Elf64_Shdr, Elf64_Sym, type Elf64Shdr } from './structs';

/** @returns undefined when not all of it is in the file */
export type ReadAt = (offset: number, size: number) => Buffer | undefined;

export interface NamedFunction {
  readonly name: string;
  /** Link address of its symbol. */
  readonly start: bigint;
  readonly table: 'symtab' | 'dynsym';
}

const LIMIT = {
  sections: 65_535,
  tableBytes: 64 << 20,
  nameBytes: 1024,
  /** Functions before an address that are looked at: one of them may reach over others. */
  steps: 64,
} as const;

interface Table {
  readonly kind: NamedFunction['table'];
  readonly symbols: Buffer;
  readonly strings: Elf64Shdr;
  /** Positions in `symbols`, in bytes, of what is a function and defined, by address. */
  readonly order: Uint32Array;
}

export class FunctionNames {
  private constructor(
    private readonly read: ReadAt,
    private readonly sections: readonly Elf64Shdr[],
    private readonly tables: readonly Table[],
  ) {}

  /** Of a file without section headers or symbol tables, it knows none. */
  static of(read: ReadAt): FunctionNames {
    const sections = readSections(read);
    const tables = (['symtab', 'dynsym'] as const).flatMap((kind) => {
      const type = kind === 'symtab' ? SHT.SYMTAB : SHT.DYNSYM;
      const section = sections.find(({ sh_type }) => sh_type === type);
      const strings = section && sections[section.sh_link];
      const symbols = section && strings && readSection(read, section);
      return symbols ? { kind, symbols, strings, order: byAddress(symbols) } : [];
    });
    return new FunctionNames(read, sections, tables);
  }

  /** The function around a link address, under the name that a user would know. */
  at(address: bigint): NamedFunction | undefined {
    for (const table of this.tables) {
      const names = this.candidates(table, Number(address)).map((at) => this.describe(table, at));
      const best = names.reduce((a, b) => (b.rank < a.rank ? b : a), NAMELESS);
      if (best.name !== '') return { name: best.name, start: best.start, table: table.kind };
    }
    return undefined;
  }

  /** The symbols, all of one value, of the innermost function around it: positions in the table. */
  private candidates({ symbols, order }: Table, address: number): number[] {
    const last = lastNotAbove(symbols, order, address);
    for (let i = last, end = last - LIMIT.steps; i >= 0 && i > end; i--) {
      const at = order[i] ?? 0;
      const start = startOf(symbols, at);
      if (address < start + sizeOf(symbols, at))
        return aliases(symbols, order, i).filter((a) => address < start + sizeOf(symbols, a));
    }
    // Assembly often gives no size: then up to the next function, in the same section.
    const nearest = last < 0 ? [] : aliases(symbols, order, last);
    const reaches = (at: number): boolean =>
      sizeOf(symbols, at) === 0 && this.sameSection(symbols, at, address);
    return nearest.every(reaches) ? nearest : [];
  }

  private sameSection(symbols: Buffer, at: number, address: number): boolean {
    const section = this.sections[symbols.readUInt16LE(at + 6)];
    if (!section) return false;
    const first = Number(section.sh_addr);
    return first <= startOf(symbols, at) && address < first + Number(section.sh_size);
  }

  private describe({ symbols, strings }: Table, at: number): Name {
    const offset = symbols.readUInt32LE(at);
    const room = Math.min(LIMIT.nameBytes, Number(strings.sh_size) - offset);
    const bytes = room > 0 ? this.read(Number(strings.sh_offset) + offset, room) : undefined;
    const end = bytes?.indexOf(0) ?? -1;
    const name = bytes && end > 0 ? bytes.toString('utf8', 0, end) : '';
    const underscores = /^_*/.exec(name)?.[0].length ?? 0;
    const local = (symbols[at + 4] ?? 0) >> 4 === STB.LOCAL ? 1 : 0;
    const rank = name === '' ? Infinity : underscores * 2 + local;
    return { name, rank, start: symbols.readBigUInt64LE(at + 8) };
  }
}

interface Name {
  readonly name: string;
  /** `read` before `__read`, global before local. */
  readonly rank: number;
  readonly start: bigint;
}

const NAMELESS: Name = { name: '', rank: Infinity, start: 0n };

/** Exact up to 2^53; link addresses have 47 bits, and what has more matches nothing. */
const number64 = (bytes: Buffer, at: number): number =>
  bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;

const startOf = (symbols: Buffer, at: number): number => number64(symbols, at + 8);
const sizeOf = (symbols: Buffer, at: number): number => number64(symbols, at + 16);

function byAddress(symbols: Buffer): Uint32Array {
  const found: number[] = [];
  for (let at = 0; at + Elf64_Sym.size <= symbols.length; at += Elf64_Sym.size) {
    const type = (symbols[at + 4] ?? 0) & 0xf;
    if (type !== STT.FUNC && type !== STT.GNU_IFUNC) continue;
    if (symbols.readUInt16LE(at + 6) !== SHN.UNDEF) found.push(at);
  }
  return Uint32Array.from(found).sort((a, b) => startOf(symbols, a) - startOf(symbols, b));
}

/** Index in `order` of the last that begins at an address or before it; -1: none does. */
function lastNotAbove(symbols: Buffer, order: Uint32Array, address: number): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startOf(symbols, order[middle] ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** All that begin where this one does, and come before it in the order. */
function aliases(symbols: Buffer, order: Uint32Array, index: number): number[] {
  const start = startOf(symbols, order[index] ?? 0);
  const from = Math.max(0, index - LIMIT.steps);
  return [...order.subarray(from, index + 1)].filter((at) => startOf(symbols, at) === start);
}

const viewOf = (bytes: Buffer): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function readSections(read: ReadAt): Elf64Shdr[] {
  const head = read(0, Elf64_Ehdr.size);
  if (!head) return [];
  const { e_shoff, e_shnum, e_shentsize } = Elf64_Ehdr.get(viewOf(head), 0);
  if (e_shentsize !== Elf64_Shdr.size || e_shoff === 0n || e_shnum > LIMIT.sections) return [];
  const bytes = read(Number(e_shoff), e_shnum * Elf64_Shdr.size);
  if (!bytes) return [];
  const view = viewOf(bytes);
  return Array.from({ length: e_shnum }, (_, i) => Elf64_Shdr.get(view, i * Elf64_Shdr.size));
}

function readSection(read: ReadAt, { sh_offset, sh_size }: Elf64Shdr): Buffer | undefined {
  if (sh_size > BigInt(LIMIT.tableBytes)) return undefined;
  return read(Number(sh_offset), Number(sh_size));
}
