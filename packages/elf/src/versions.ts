/** Symbol versions (LSB core, "Symbol Versioning"): versym, verdef, verneed. */
import type { ByteView } from '@ulp/core';
import { SHT, VER_FLG_BASE, VER_NDX_GLOBAL, VERSYM_HIDDEN } from './constants';
import { NAME_LIMIT, type ElfFile } from './elf-file';
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

/**
 * Records that name the distance to the next one. Bounded: each must lie behind the one before.
 * @param count how many at most
 */
function* chain(first: number, count: number, next: (at: number) => number): Generator<Chain> {
  for (let at = first, i = 0; i < count; i++) {
    const distance = next(at);
    yield { at, next: distance };
    if (distance <= 0) return;
    at += distance;
  }
}

export function readVerdefs(
  view: ByteView,
  offset: number,
  count: number,
): {
  readonly defs: Located<ReturnType<typeof Elf64_Verdef.read>>[];
  readonly aux: Located<ReturnType<typeof Elf64_Verdaux.read>>[];
} {
  const defs: Located<ReturnType<typeof Elf64_Verdef.read>>[] = [];
  const aux: Located<ReturnType<typeof Elf64_Verdaux.read>>[] = [];
  for (const { at } of chain(offset, count, (a) => Elf64_Verdef.read(view, a).vd_next)) {
    const def = Elf64_Verdef.read(view, at);
    defs.push({ at, value: def });
    const read = (a: number): number => Elf64_Verdaux.read(view, a).vda_next;
    for (const entry of chain(at + def.vd_aux, def.vd_cnt, read))
      aux.push({ at: entry.at, value: Elf64_Verdaux.read(view, entry.at) });
  }
  return { defs, aux };
}

export function readVerneeds(
  view: ByteView,
  offset: number,
  count: number,
): {
  readonly needs: Located<ReturnType<typeof Elf64_Verneed.read>>[];
  readonly aux: Located<ReturnType<typeof Elf64_Vernaux.read>>[];
} {
  const needs: Located<ReturnType<typeof Elf64_Verneed.read>>[] = [];
  const aux: Located<ReturnType<typeof Elf64_Vernaux.read>>[] = [];
  for (const { at } of chain(offset, count, (a) => Elf64_Verneed.read(view, a).vn_next)) {
    const need = Elf64_Verneed.read(view, at);
    needs.push({ at, value: need });
    const read = (a: number): number => Elf64_Vernaux.read(view, a).vna_next;
    for (const entry of chain(at + need.vn_aux, need.vn_cnt, read))
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
  for (const { at, value } of readVerdefs(elf.view, verdef.offset, verdef.header.sh_info).defs) {
    if (value.vd_flags & VER_FLG_BASE) continue;
    const { vda_name } = Elf64_Verdaux.read(elf.view, at + value.vd_aux);
    const start = strings.offset + vda_name;
    names.set(value.vd_ndx, elf.view.string(start, 'version name', start + NAME_LIMIT));
  }
  return readTable(elf, versym, Elf64_Versym).map(({ vs_index }) => {
    const index = vs_index & ~VERSYM_HIDDEN;
    const name = index <= VER_NDX_GLOBAL ? undefined : names.get(index);
    return name === undefined ? undefined : { name, isDefault: !(vs_index & VERSYM_HIDDEN) };
  });
}
