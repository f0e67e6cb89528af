/**
 * The notes of the patched gcc: which function's code was inlined into which other one, or copied
 * for it (docs/toolchain.md). The section may hold anything: what is no note, or names too much, is
 * passed over.
 */
import { isName } from '@ulp/metadata';
import type { ElfFile } from '@ulp/elf';

export interface CopyNote {
  readonly kind: 'inlined' | 'cloned';
  /** The function whose code it is. */
  readonly origin: string;
  /** The function that has it. */
  readonly holder: string;
  /** The source file that the holder was compiled from, without folders. */
  readonly unit: string;
}

const SECTION = '.ulp.copies';
/** Of one library: more than the largest ones need. */
const LIMIT = { bytes: 64 << 20, notes: 1 << 20 } as const;

/** Notes by origin; undefined when the library has none, and so says nothing. */
export function copyNotes(elf: ElfFile): Map<string, CopyNote[]> | undefined {
  const section = elf.section(SECTION);
  if (!section) return undefined;
  const size = Math.min(section.size, LIMIT.bytes);
  return parseCopyNotes(elf.view.slice(section.offset, size, SECTION));
}

/** @param bytes of the section */
export function parseCopyNotes(bytes: Uint8Array): Map<string, CopyNote[]> {
  const text = Buffer.from(bytes).toString();
  const notes = new Map<string, CopyNote[]>();
  // What follows the last NUL is no note.
  for (const line of new Set(text.split('\0', LIMIT.notes).slice(0, -1))) {
    const note = parseNote(line);
    if (!note) continue;
    const same = notes.get(note.origin);
    if (same) same.push(note);
    else notes.set(note.origin, [note]);
  }
  return notes;
}

function parseNote(line: string): CopyNote | undefined {
  const [kind, origin = '', holder = '', unit, more] = line.split('\t');
  if ((kind !== 'inlined' && kind !== 'cloned') || unit === undefined || more !== undefined)
    return undefined;
  return isName(origin) && isName(holder) ? { kind, origin, holder, unit } : undefined;
}
