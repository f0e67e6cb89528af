/**
 * What ulp-dynsym-gate does to a linked library, as a list of edits.
 *
 * gcc leaves PADDING.before bytes of nops in front of every function. Nothing jumps there, so code
 * can be added to a finished file without moving a byte. The gate writes a trampoline into them:
 * code that notes that the thread is inside of the library, and goes on to the function. Then the
 * gate makes every way into the library lead to trampolines. Direct calls inside of the library
 * stay as they are: a thread that makes one is inside already.
 *
 *   another file   call f  -> dynamic symbol of f               -> trampoline -> f
 *   a pointer      &f      -> relocation, RELR or lea of f      -> trampoline -> f
 *   this library   call f                                       ->               f
 *
 * A patch later changes one byte at the entry of f, so all three ways reach the new function. The
 * entry instruction that has this byte is written here as well. The last edit sets the library's
 * note to "gated", which the tools read in a process.
 */
import { abi, linkAddress, UlpError, type LinkAddress } from '@ulp/core';
import type { NewSymbol } from '../add-symbols';
import type { ElfFile } from '../elf-file';
import { libraryNote, pointerAt, type LibraryNote } from '../live-patchable';
import type { Edit } from '../rewrite';
import { requireSharedLibrary } from '../shared-library';
import { Elf64_Sym } from '../structs';
import { redirectCode, redirectPointers } from './addresses';
import { survey, type Survey } from './functions';
import { paddingNames } from './names';
import { padding, restingEntry } from './trampoline';

export interface GatePlan {
  /** Gated before: there is nothing to do. */
  readonly isGated: boolean;
  readonly edits: readonly Edit[];
  /** For .symtab, when there is one. */
  readonly names: readonly NewSymbol[];
  /** Functions that become live-patchable. */
  readonly functions: number;
  /** Dynamic symbols that lead to trampolines from now on. */
  readonly symbols: number;
  /** Addresses taken in data and in code that lead to trampolines from now on. */
  readonly pointers: number;
  readonly uncovered: Survey['uncovered'];
}

const NOTHING_TO_DO: GatePlan = {
  isGated: true,
  edits: [],
  names: [],
  functions: 0,
  symbols: 0,
  pointers: 0,
  uncovered: { noPadding: [], ifunc: [], returnsTwice: [] },
};

/** @throws UlpError elf-unsupported, elf-not-patchable when the library was not built for it */
export function planGate(elf: ElfFile): GatePlan {
  const note = requireNote(elf);
  if (note.value.gate === abi.GATE.gated) return NOTHING_TO_DO;
  const found = survey(elf);
  if (found.functions.size === 0)
    throw refuse(
      elf,
      `functions compiled with -fpatchable-function-entry=${abi.PADDING.before + abi.PADDING.after},${abi.PADDING.before}`,
      'none',
    );
  const pointers = [...redirectPointers(elf, found), ...redirectCode(elf, found)];
  return {
    isGated: false,
    edits: [...entries(elf, found, note), ...symbols(found), ...pointers, gatedNote(note)],
    names: paddingNames(elf, found),
    functions: found.functions.size,
    symbols: found.exported.length,
    pointers: pointers.length,
    uncovered: found.uncovered,
  };
}

function refuse(elf: ElfFile, expected: string, found: string): UlpError {
  return new UlpError('elf-not-patchable', { subject: elf.subject, expected, found });
}

function requireNote(elf: ElfFile): LibraryNote {
  requireSharedLibrary(elf);
  const note = libraryNote(elf);
  if (!note) throw refuse(elf, 'a library linked with trm.o', 'no ULP note');
  const { abi: version, padding: size } = note.value;
  if (version !== abi.ABI_VERSION)
    throw refuse(elf, `trm.o of ABI version ${abi.ABI_VERSION}`, `${version}`);
  if (size !== abi.PADDING.before)
    throw refuse(elf, `a padding of ${abi.PADDING.before} bytes`, `${size}`);
  return note;
}

/**
 * Can an instruction in the padding of a function name it by its distance, a signed number of
 * 32 bits?
 */
function reaches(address: LinkAddress, place: LinkAddress): boolean {
  const distance = place - address;
  const reach = (1n << 31n) - BigInt(abi.PADDING.before);
  return distance < reach && distance > -reach;
}

/** Padding and entry of every function. */
function entries(elf: ElfFile, { functions }: Survey, { library }: LibraryNote): Edit[] {
  const { offset } = abi.ulp_library;
  const entry = pointerAt(elf, linkAddress(library + BigInt(offset.entry)));
  if (entry === undefined || elf.offsetOf(entry) === undefined)
    throw elf.malformed('ulp_library', 'the address of __ulp_entry', 'none');
  const way = elf.bytesAt(linkAddress(library + BigInt(offset.tpoff_way)), 8);
  const found = way && abi.tlsOffset(library, { tpoff_way: way });
  if (!found) throw elf.malformed('ulp_library', 'the way to tpoff', 'none');
  const tpoff = 'place' in found ? { place: linkAddress(found.place) } : found;
  const runtime = { tpoff, library, entry };
  const places = { library, entry, ...('place' in tpoff ? { tpoff: tpoff.place } : {}) };
  return [...functions.values()].flatMap(({ address, entryOffset }) => {
    const at = elf.offsetOf(address);
    if (at === undefined) return [];
    for (const [name, place] of Object.entries(places))
      if (!reaches(address, place))
        throw elf.malformed(
          name,
          `within 2 GB of 0x${address.toString(16)}`,
          `0x${place.toString(16)}`,
        );
    return [
      { at: at - abi.PADDING.before, bytes: padding(address, runtime) },
      { at: at + entryOffset, bytes: restingEntry(entryOffset) },
    ];
  });
}

/** Exported symbols lead to the trampolines, and cover both, so that dladdr(3) names them. */
function symbols({ exported }: Survey): Edit[] {
  const before = BigInt(abi.PADDING.before);
  return exported.map(({ at, raw }) => ({
    at,
    bytes: Elf64_Sym.encode({
      ...raw,
      st_value: raw.st_value - before,
      st_size: raw.st_size + before,
    }),
  }));
}

const gatedNote = ({ at, value, library }: LibraryNote): Edit => ({
  at,
  bytes: abi.ulp_note_library.encode({ ...value, gate: abi.GATE.gated, library }),
});
