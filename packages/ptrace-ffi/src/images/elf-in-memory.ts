/** The parts of ELF64 that a loaded image shows in memory: header, program headers, notes. */
import { ByteView, linkAddress, type LinkAddress } from '@ulp/core';
import { ELFCLASS64, ELFDATA2LSB, EM_X86_64, Elf64_Ehdr, Elf64_Phdr, parseNotes } from '@ulp/elf';
import type { Elf64Phdr, Note } from '@ulp/elf';

/** The first bytes of an ELF64 file, little-endian. */
const IDENT = Buffer.from([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB]);

/** How much of an image's first page is looked at: more than any program header table needs. */
export const HEADER_SIZE = 4096;

/** @returns undefined when the bytes do not start an x86-64 ELF image */
export function parseHeaders(head: Buffer): Elf64Phdr[] | undefined {
  if (head.length < Elf64_Ehdr.size || !head.subarray(0, IDENT.length).equals(IDENT))
    return undefined;
  const data = new DataView(head.buffer, head.byteOffset, head.length);
  const header = Elf64_Ehdr.get(data, 0);
  if (header.e_machine !== EM_X86_64 || header.e_phentsize !== Elf64_Phdr.size) return undefined;
  const rest = BigInt(head.length - header.e_phnum * Elf64_Phdr.size);
  if (header.e_phoff > rest) return undefined;
  const at = Number(header.e_phoff);
  return Array.from({ length: header.e_phnum }, (_, i) =>
    Elf64_Phdr.get(data, at + i * Elf64_Phdr.size),
  );
}

/** A note in memory has an address, from which distances written in it count. */
export interface LoadedNote extends Note {
  /** Link address of the description. */
  readonly address: LinkAddress;
}

/**
 * The notes of one PT_NOTE segment; what follows a malformed one is left out.
 * @param at link address of the segment
 */
export function notesAt(segment: Buffer, at: bigint, alignment: bigint): LoadedNote[] {
  return parseNotes(new ByteView(segment, 'notes'), 0, segment.length, Number(alignment)).map(
    (note) => ({ ...note, address: linkAddress(at + BigInt(note.offset)) }),
  );
}
