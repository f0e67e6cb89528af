/** The parts of ELF64 that a loaded image shows in memory: header, program headers, notes. */
import {
  array,
  ByteView,
  bytes,
  field,
  linkAddress,
  struct,
  u16,
  u32,
  u64,
  type LinkAddress,
  type Value,
} from '@ulp/core';

const Elf64_Ehdr = struct('Elf64_Ehdr', {
  e_ident: field(bytes(16), 'magic, class, data, version'),
  e_type: field(u16, 'ET_DYN 3, ET_EXEC 2'),
  e_machine: field(u16, 'EM_X86_64 62'),
  e_version: field(u32, ''),
  e_entry: field(u64, ''),
  e_phoff: field(u64, 'of the program headers, in the file'),
  e_shoff: field(u64, ''),
  e_flags: field(u32, ''),
  e_ehsize: field(u16, ''),
  e_phentsize: field(u16, 'size of a program header'),
  e_phnum: field(u16, 'number of program headers'),
  e_sections: field(array(u16, 3), 'not loaded'),
});

export const Elf64_Phdr = struct('Elf64_Phdr', {
  p_type: field(u32, 'PT.*'),
  p_flags: field(u32, 'PF.*'),
  p_offset: field(u64, 'in the file'),
  p_vaddr: field(u64, 'link address'),
  p_paddr: field(u64, ''),
  p_filesz: field(u64, ''),
  p_memsz: field(u64, ''),
  p_align: field(u64, ''),
});
export type ProgramHeader = Value<typeof Elf64_Phdr>;

export const PT = { load: 1, dynamic: 2, interpreter: 3, note: 4 } as const;
export const PF = { execute: 1, write: 2, read: 4 } as const;

/** The first bytes of an ELF64 file for x86-64, little-endian, that is a program or a library. */
const IDENT = Buffer.from('\x7fELF\x02\x01\x01', 'latin1');
const EM_X86_64 = 62;

/** How much of an image's first page is looked at: more than any program header table needs. */
export const HEADER_SIZE = 4096;

/** @returns undefined when the bytes are not the begin of an x86-64 ELF image */
export function parseHeaders(head: Buffer): ProgramHeader[] | undefined {
  if (head.length < Elf64_Ehdr.size || head.compare(IDENT, 0, 7, 0, 7) !== 0) return undefined;
  const data = new DataView(head.buffer, head.byteOffset, head.length);
  const header = Elf64_Ehdr.get(data, 0);
  if (header.e_machine !== EM_X86_64 || header.e_phentsize !== Elf64_Phdr.size) return undefined;
  const room = BigInt(head.length - header.e_phnum * Elf64_Phdr.size);
  if (header.e_phoff > room) return undefined;
  const at = Number(header.e_phoff);
  return Array.from({ length: header.e_phnum }, (_, i) =>
    Elf64_Phdr.get(data, at + i * Elf64_Phdr.size),
  );
}

export interface Note {
  /** Without the NUL that ends it. */
  readonly owner: string;
  readonly type: number;
  /** Link address of the descriptor. */
  readonly address: LinkAddress;
  readonly descriptor: Buffer;
}

const Elf64_Nhdr = struct('Elf64_Nhdr', {
  n_namesz: field(u32, ''),
  n_descsz: field(u32, ''),
  n_type: field(u32, ''),
});

/**
 * The notes of one PT_NOTE segment; what follows a malformed one is left out.
 * @param at link address of the segment
 */
export function parseNotes(segment: Buffer, at: bigint, alignment: bigint): Note[] {
  const view = new ByteView(segment, 'notes');
  const align = alignment === 8n ? 8 : 4;
  const up = (n: number): number => Math.ceil(n / align) * align;
  const notes: Note[] = [];
  for (let offset = 0; offset + Elf64_Nhdr.size <= segment.length;) {
    const { n_namesz, n_descsz, n_type } = Elf64_Nhdr.get(view.data, offset);
    const name = offset + Elf64_Nhdr.size;
    const descriptor = up(name + n_namesz);
    if (descriptor + n_descsz > segment.length) break;
    notes.push({
      owner: segment.toString('latin1', name, name + n_namesz).replace(/\0.*$/s, ''),
      type: n_type,
      address: linkAddress(at + BigInt(descriptor)),
      descriptor: segment.subarray(descriptor, descriptor + n_descsz),
    });
    offset = up(descriptor + n_descsz);
  }
  return notes;
}
