/**
 * Writing a file back from its model. Every table that this package knows is written from its
 * decoded records over bytes that were blanked before; the rest is carried over. Nothing changed
 * gives the same bytes: the test walks a machine's libraries.
 */
import { array, ByteView, type Codec, type Struct } from '@ulp/core';
import { SHT } from './constants';
import type { ElfFile, Section } from './elf-file';
import { readGnuHashTable, readHashTable, writeGnuHashTable, writeHashTable } from './hash-tables';
import { parseNotes } from './notes';
import {
  Elf64_Dyn,
  Elf64_Ehdr,
  Elf64_Nhdr,
  Elf64_Phdr,
  Elf64_Rel,
  Elf64_Rela,
  Elf64_Relr,
  Elf64_Shdr,
  Elf64_Sym,
  Elf64_Verdaux,
  Elf64_Verdef,
  Elf64_Vernaux,
  Elf64_Verneed,
  Elf64_Versym,
} from './structs';
import { readVerdefs, readVerneeds } from './versions';

// A struct of any fields.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyStruct = Struct<any>;

/** Sections that are arrays of one record. */
const RECORDS: Readonly<Record<number, AnyStruct>> = {
  [SHT.SYMTAB]: Elf64_Sym,
  [SHT.DYNSYM]: Elf64_Sym,
  [SHT.RELA]: Elf64_Rela,
  [SHT.REL]: Elf64_Rel,
  [SHT.RELR]: Elf64_Relr,
  [SHT.DYNAMIC]: Elf64_Dyn,
  [SHT.GNU_versym]: Elf64_Versym,
};

/** What knows how to write one piece of a file. */
interface Piece {
  readonly at: number;
  readonly size: number;
  write(out: ByteView): void;
}

const piece = <T>(codec: Codec<T>, at: number, value: T): Piece => ({
  at,
  size: codec.size,
  write: (out) => codec.set(out.data, at, value),
});

function sectionPieces(elf: ElfFile, section: Section): Piece[] {
  const { sh_type } = section.header;
  const { view } = elf;
  const record = RECORDS[sh_type];
  if (record) {
    const count = Math.floor(section.size / record.size);
    const table = array(record, count);
    return [piece(table, section.offset, table.get(view.data, section.offset))];
  }
  if (section.size === 0) return [];
  const whole = { at: section.offset, size: 0 };
  switch (sh_type) {
    case SHT.HASH: {
      const table = readHashTable(elf, section);
      return [{ ...whole, write: (out) => writeHashTable(out, section.offset, table) }];
    }
    case SHT.GNU_HASH: {
      const table = readGnuHashTable(elf, section);
      return [{ ...whole, write: (out) => writeGnuHashTable(out, section.offset, table) }];
    }
    case SHT.GNU_verdef: {
      const { defs, aux } = readVerdefs(view, section);
      return [
        ...defs.map(({ at, value }) => piece(Elf64_Verdef, at, value)),
        ...aux.map(({ at, value }) => piece(Elf64_Verdaux, at, value)),
      ];
    }
    case SHT.GNU_verneed: {
      const { needs, aux } = readVerneeds(view, section);
      return [
        ...needs.map(({ at, value }) => piece(Elf64_Verneed, at, value)),
        ...aux.map(({ at, value }) => piece(Elf64_Vernaux, at, value)),
      ];
    }
    case SHT.NOTE: {
      const alignment = Number(section.header.sh_addralign);
      return parseNotes(view, section.offset, section.size, alignment).flatMap((note) => {
        const head = Elf64_Nhdr.size;
        const room = alignment === 8 ? 8 : 4;
        const name = Math.ceil((note.owner.length + 1) / room) * room;
        const at = note.offset - name - head;
        // An owner that is not written as usual is carried over.
        if (at < section.offset) return [];
        return [piece(Elf64_Nhdr, at, Elf64_Nhdr.read(view, at))];
      });
    }
    default:
      return [];
  }
}

/** The bytes of the file, written from the model. */
export function rewrite(elf: ElfFile): Uint8Array {
  const { view, header } = elf;
  const phoff = Number(header.e_phoff);
  const shoff = Number(header.e_shoff);
  const pieces = [
    piece(Elf64_Ehdr, 0, header),
    ...elf.segments.map((s, i) => piece(Elf64_Phdr, phoff + i * Elf64_Phdr.size, s.header)),
    ...elf.sections.map((s, i) => piece(Elf64_Shdr, shoff + i * Elf64_Shdr.size, s.header)),
    ...elf.sections.flatMap((section) => sectionPieces(elf, section)),
  ];
  const out = new ByteView(view.bytes.slice(), elf.subject);
  for (const { at, size } of pieces) out.bytes.fill(0, at, at + size);
  for (const section of elf.sections)
    if (section.header.sh_type === SHT.HASH || section.header.sh_type === SHT.GNU_HASH)
      out.bytes.fill(0, section.offset, section.offset + section.size);
  for (const each of pieces) each.write(out);
  return out.bytes;
}

/** A change of some bytes of a file. */
export interface Edit {
  /** File offset in bytes. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A copy of the file with the edits made. */
export function applyEdits(elf: ElfFile, edits: readonly Edit[]): Uint8Array {
  const out = elf.view.bytes.slice();
  for (const { at, bytes } of edits) {
    elf.view.check(at, bytes.length, 'edit');
    out.set(bytes, at);
  }
  return out;
}
