/** What makes a library live-patchable: its note, and functions whose entries can be changed. */
import { abi, ByteView, linkAddress, UlpError, type BuildId, type LinkAddress } from '@ulp/core';
import { SHF, SHT } from './constants';
import type { ElfFile } from './elf-file';
import { isNops } from './nops';
import { buildIdOf, parseNotes, type Note } from './notes';
import { dynamicRelocations } from './relocations';

const ENDBR64 = Buffer.from('f30f1efa', 'hex');
/**
 * The first bytes of a trampoline: endbr64; movq disp32(%rip), %r11, or in a program movq $imm32,
 * %r11.
 */
const TRAMPOLINE_HEADS = ['f30f1efa4c8b1d', 'f30f1efa49c7c3'].map((hex) => Buffer.from(hex, 'hex'));

export function allNotes(elf: ElfFile): Note[] {
  return elf
    .sectionsOfType(SHT.NOTE)
    .flatMap((s) => parseNotes(elf.view, s.offset, s.size, Number(s.header.sh_addralign)));
}

export const fileBuildId = (elf: ElfFile): BuildId | undefined => buildIdOf(allNotes(elf));

export interface LibraryNote {
  readonly value: abi.UlpNoteLibrary;
  /** File offset in bytes of the ulp_note_library. */
  readonly at: number;
  /** Link address of the ulp_library. */
  readonly library: LinkAddress;
}

/** The note that trm.o brings; undefined in a library without it. */
export function libraryNote(elf: ElfFile): LibraryNote | undefined {
  const note = allNotes(elf).find(
    (n) => n.owner === abi.NOTE_OWNER && n.type === abi.NOTE_TYPE.library,
  );
  if (!note) return undefined;
  const value = abi.ulp_note_library.read(new ByteView(note.description, elf.subject));
  if (value.library !== 0n) return { value, at: note.offset, library: linkAddress(value.library) };
  const section = elf
    .sectionsOfType(SHT.NOTE)
    .find((s) => note.offset >= s.offset && note.offset < s.offset + s.size);
  const { distance } = abi.ulp_note_library.offset;
  const here = (section?.header.sh_addr ?? 0n) + BigInt(note.offset - (section?.offset ?? 0));
  const library = linkAddress(here + BigInt(distance + value.distance));
  return {
    value,
    at: note.offset,
    library: isDescriptor(elf, library) ? library : (descriptorOf(elf) ?? library),
  };
}

/** Does a ulp_library of this ABI lie there? */
function isDescriptor(elf: ElfFile, address: LinkAddress): boolean {
  const bytes = elf.bytesAt(address, abi.ulp_library.offset.tpoff_way);
  if (!bytes) return false;
  const view = Buffer.from(bytes);
  const { offset, size } = abi.ulp_library;
  return (
    view.readBigUInt64LE(offset.magic) === abi.MAGIC.library &&
    view.readUInt32LE(offset.abi) === abi.ABI_VERSION &&
    view.readUInt32LE(offset.size) === size
  );
}

/**
 * The only ulp_library in the data: the note was moved before the gate, and its distance means
 * nothing.
 */
function descriptorOf(elf: ElfFile): LinkAddress | undefined {
  const magic = Buffer.alloc(8);
  magic.writeBigUInt64LE(abi.MAGIC.library);
  const found: LinkAddress[] = [];
  for (const { header, offset, size } of elf.sections) {
    if (header.sh_type !== SHT.PROGBITS || (header.sh_flags & BigInt(SHF.ALLOC)) === 0n) continue;
    const data = Buffer.from(elf.view.slice(offset, size, 'data'));
    for (let at = data.indexOf(magic); at >= 0; at = data.indexOf(magic, at + 1)) {
      const address = linkAddress(header.sh_addr + BigInt(at));
      if (at % 8 === 0 && isDescriptor(elf, address)) found.push(address);
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

/**
 * The note of a library that has been through ulp-dynsym-gate.
 * @throws UlpError elf-not-patchable, saying what is missing
 */
export function requireGated(elf: ElfFile): LibraryNote {
  const note = libraryNote(elf);
  const refuse = (expected: string, found: string): UlpError =>
    new UlpError('elf-not-patchable', { subject: elf.subject, expected, found });
  if (!note) throw refuse('a library linked with trm.o', 'no ULP note');
  if (note.value.abi !== abi.ABI_VERSION)
    throw refuse(`ABI version ${abi.ABI_VERSION}`, `${note.value.abi}`);
  if (note.value.gate !== abi.GATE.gated)
    throw refuse('a library that went through ulp-dynsym-gate', 'one that did not');
  return note;
}

/** The value of a pointer in the library's data, as the loader will make it, less the load bias. */
export function pointerAt(elf: ElfFile, address: LinkAddress): LinkAddress | undefined {
  const relocation = dynamicRelocations(elf).find((r) => r.raw.r_offset === address);
  if (relocation) return linkAddress(relocation.raw.r_addend);
  const word = elf.bytesAt(address, 8);
  return word && linkAddress(Buffer.from(word).readBigUInt64LE());
}

export interface Entry {
  /** S: the first byte of the function. */
  readonly address: LinkAddress;
  /** E - S: 4 behind an endbr64, else 0. */
  readonly entryOffset: 0 | 4;
}

const startsWith = (bytes: Uint8Array | undefined, head: Uint8Array): boolean =>
  bytes !== undefined && Buffer.compare(bytes.subarray(0, head.length), head) === 0;

/** Bytes that are enough to know a trampoline by. */
export const TRAMPOLINE_HEAD_SIZE = 7;
export const beginsTrampoline = (bytes: Uint8Array | undefined): boolean =>
  TRAMPOLINE_HEADS.some((head) => startsWith(bytes, head));

/** Does a trampoline lie at this address? */
export const isTrampoline = (elf: ElfFile, address: LinkAddress): boolean =>
  beginsTrampoline(elf.bytesAt(address, TRAMPOLINE_HEAD_SIZE));

/** 4 when the function begins with endbr64, else 0. */
export const entryOffsetOf = (elf: ElfFile, address: LinkAddress): 0 | 4 =>
  startsWith(elf.bytesAt(address, ENDBR64.length), ENDBR64) ? 4 : 0;

/** `way`, the displacement of a resting entry: to the selector. */
const restingWay = (entryOffset: number): number =>
  (abi.PADDING.selector - abi.PADDING.before - entryOffset - abi.PADDING.after) & 0xff;

/**
 * The entry of the function at S at rest; undefined when it is not live-patchable. Its trampoline
 * lies in its padding (ulp-dynsym-gate), or in .ulp (ld -z ulp): then the padding is nops still, if
 * the function needs a trampoline at all.
 */
export function gatedEntry(elf: ElfFile, address: LinkAddress): Entry | undefined {
  const { before } = abi.PADDING;
  if (address < BigInt(before)) return undefined;
  const entryOffset = entryOffsetOf(elf, address);
  const [opcode, way] = elf.bytesAt(linkAddress(address + BigInt(entryOffset)), 2) ?? [];
  if (opcode !== abi.ENTRY.rest || way !== restingWay(entryOffset)) return undefined;
  const padding = linkAddress(address - BigInt(before));
  const bytes = elf.bytesAt(padding, before);
  return beginsTrampoline(bytes) || (bytes && isNops(bytes)) ? { address, entryOffset } : undefined;
}

/** Where in a trampoline the distance from ulp_library to S lies. */
export const TRAMPOLINE_FUNCTION = 15;

const libraries = new WeakMap<ElfFile, LinkAddress | null>();

function libraryOf(elf: ElfFile): LinkAddress | null {
  let library = libraries.get(elf);
  if (library === undefined) libraries.set(elf, (library = libraryNote(elf)?.library ?? null));
  return library;
}

/** S of what a symbol's value leads to: itself, or what the trampoline there says. */
export function functionBehind(elf: ElfFile, value: LinkAddress): LinkAddress {
  const head = elf.bytesAt(value, TRAMPOLINE_FUNCTION + 4);
  const library = beginsTrampoline(head) ? libraryOf(elf) : null;
  if (!head || library === null) return value;
  const distance = Buffer.from(head).readInt32LE(TRAMPOLINE_FUNCTION);
  const behind = linkAddress(BigInt.asUintN(64, library + BigInt(distance)));
  return gatedEntry(elf, behind) ? behind : value;
}
