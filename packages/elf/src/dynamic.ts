/** The dynamic section: what the loader is told. */
import { linkAddress, type LinkAddress } from '@ulp/core';
import { DT, PT } from './constants';
import type { ElfFile } from './elf-file';
import { Elf64_Dyn, type Elf64Dyn } from './structs';

/** The entries up to DT_NULL, from PT_DYNAMIC. */
export function dynamicEntries(elf: ElfFile): Elf64Dyn[] {
  const segment = elf.segments.find((s) => s.header.p_type === PT.DYNAMIC);
  const entries: Elf64Dyn[] = [];
  if (!segment) return entries;
  for (let at = 0; at + Elf64_Dyn.size <= segment.size; at += Elf64_Dyn.size) {
    const entry = Elf64_Dyn.read(elf.view, segment.offset + at);
    if (entry.d_tag === BigInt(DT.NULL)) break;
    entries.push(entry);
  }
  return entries;
}

export function dynamicValue(elf: ElfFile, tag: number): bigint | undefined {
  return dynamicEntries(elf).find((entry) => entry.d_tag === BigInt(tag))?.d_un;
}

/** DT_INIT or DT_FINI. */
export function dynamicAddress(elf: ElfFile, tag: number): LinkAddress | undefined {
  const value = dynamicValue(elf, tag);
  return value === undefined ? undefined : linkAddress(value);
}

function dynamicString(elf: ElfFile, offset: bigint): string {
  const table = dynamicAddress(elf, DT.STRTAB);
  const at = table === undefined ? undefined : elf.offsetOf(table);
  if (at === undefined) throw elf.malformed('dynamic section', 'a DT_STRTAB in the file', 'none');
  const start = at + elf.view.number(offset, 'string offset');
  return elf.name(start, 'dynamic string');
}

/** DT_SONAME; empty when there is none. */
export function soname(elf: ElfFile): string {
  const offset = dynamicValue(elf, DT.SONAME);
  return offset === undefined ? '' : dynamicString(elf, offset);
}

/** DT_NEEDED, in order. */
export function neededLibraries(elf: ElfFile): string[] {
  return dynamicEntries(elf)
    .filter((entry) => entry.d_tag === BigInt(DT.NEEDED))
    .map((entry) => dynamicString(elf, entry.d_un));
}
