/** Symbol versions (LSB core, "Symbol Versioning"): versym, verdef, verneed. */
import type { ByteView } from '@ulp/core';
import { SHT, VER_FLG_BASE, VER_NDX_GLOBAL, VERSYM_HIDDEN } from './constants';
import type { ElfFile, Section } from './elf-file';
import { Room } from './room';
import { Elf64_Verdaux, Elf64_Verdef, Elf64_Vernaux, Elf64_Verneed, Elf64_Versym } from './structs';
import { readTable } from './table';

/** A record and where it lies in the file, in bytes. */
export interface Located<T> {
  readonly at: number;
  readonly value: T;
}

interface Chain {
  readonly at: number;
  readonly next: number;
}

/** So many times as many records are followed as fit into the section, should they overlap. */
const OVERLAP = 2;

const recordsOf = (view: ByteView, { name, size }: Section): Room =>
  new Room(OVERLAP * size, `${view.subject}: section ${name}`, 'versions');

/**
 * Records that name the distance to the next one. Bounded: each must lie behind the one before, and
 * all together fit into their section.
 * @param count how many at most
 */
function* chain(
  room: Room,
  record: { readonly size: number },
  first: number,
  count: number,
  next: (at: number) => number,
): Generator<Chain> {
  for (let at = first, i = 0; i < count; i++) {
    room.take(record.size);
    const distance = next(at);
    yield { at, next: distance };
    if (distance <= 0) return;
    at += distance;
  }
}

export function readVerdefs(
  view: ByteView,
  section: Section,
): {
  readonly defs: Located<ReturnType<typeof Elf64_Verdef.read>>[];
  readonly aux: Located<ReturnType<typeof Elf64_Verdaux.read>>[];
} {
  const defs: Located<ReturnType<typeof Elf64_Verdef.read>>[] = [];
  const aux: Located<ReturnType<typeof Elf64_Verdaux.read>>[] = [];
  const room = recordsOf(view, section);
  const next = (a: number): number => Elf64_Verdef.read(view, a).vd_next;
  const { offset, header } = section;
  for (const { at } of chain(room, Elf64_Verdef, offset, header.sh_info, next)) {
    const def = Elf64_Verdef.read(view, at);
    defs.push({ at, value: def });
    const read = (a: number): number => Elf64_Verdaux.read(view, a).vda_next;
    for (const entry of chain(room, Elf64_Verdaux, at + def.vd_aux, def.vd_cnt, read))
      aux.push({ at: entry.at, value: Elf64_Verdaux.read(view, entry.at) });
  }
  return { defs, aux };
}

export function readVerneeds(
  view: ByteView,
  section: Section,
): {
  readonly needs: Located<ReturnType<typeof Elf64_Verneed.read>>[];
  readonly aux: Located<ReturnType<typeof Elf64_Vernaux.read>>[];
} {
  const needs: Located<ReturnType<typeof Elf64_Verneed.read>>[] = [];
  const aux: Located<ReturnType<typeof Elf64_Vernaux.read>>[] = [];
  const room = recordsOf(view, section);
  const next = (a: number): number => Elf64_Verneed.read(view, a).vn_next;
  const { offset, header } = section;
  for (const { at } of chain(room, Elf64_Verneed, offset, header.sh_info, next)) {
    const need = Elf64_Verneed.read(view, at);
    needs.push({ at, value: need });
    const read = (a: number): number => Elf64_Vernaux.read(view, a).vna_next;
    for (const entry of chain(room, Elf64_Vernaux, at + need.vn_aux, need.vn_cnt, read))
      aux.push({ at: entry.at, value: Elf64_Vernaux.read(view, entry.at) });
  }
  return { needs, aux };
}

export interface SymbolVersion {
  readonly name: string;
  /** What a link against the library gets for the bare name: `name@@VERSION`. */
  readonly isDefault: boolean;
}

/** The version of each dynamic symbol that the file defines, by symbol number. */
export function definedVersions(elf: ElfFile): (SymbolVersion | undefined)[] {
  const [versym] = elf.sectionsOfType(SHT.GNU_versym);
  const [verdef] = elf.sectionsOfType(SHT.GNU_verdef);
  if (!versym || !verdef) return [];
  const strings = elf.linked(verdef);
  const names = new Map<number, string>();
  for (const { at, value } of readVerdefs(elf.view, verdef).defs) {
    if (value.vd_flags & VER_FLG_BASE) continue;
    const { vda_name } = Elf64_Verdaux.read(elf.view, at + value.vd_aux);
    const start = strings.offset + vda_name;
    names.set(value.vd_ndx, elf.name(start, 'version name'));
  }
  return readTable(elf, versym, Elf64_Versym).map(({ vs_index }) => {
    const index = vs_index & ~VERSYM_HIDDEN;
    const name = index <= VER_NDX_GLOBAL ? undefined : names.get(index);
    return name === undefined ? undefined : { name, isDefault: !(vs_index & VERSYM_HIDDEN) };
  });
}
