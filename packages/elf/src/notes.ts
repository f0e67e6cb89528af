/** Notes: SHT_NOTE sections, PT_NOTE segments, and the same in a process's memory. */
import { buildId, type BuildId, type ByteView } from '@ulp/core';
import { NT_GNU_BUILD_ID } from './constants';
import { Elf64_Nhdr } from './structs';

export interface Note {
  readonly owner: string;
  readonly type: number;
  /** Offset of the description in the view, in bytes. */
  readonly offset: number;
  readonly description: Uint8Array;
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

/**
 * The notes in [offset, offset + size) of a view, until one does not fit.
 * @param alignment of the segment in bytes: 8 for .note.gnu.property, else 4
 */
export function parseNotes(view: ByteView, offset = 0, size = view.length, alignment = 4): Note[] {
  const notes: Note[] = [];
  const end = Math.min(view.length, offset + size);
  const step = alignment === 8 ? 8 : 4;
  for (let at = offset; at + Elf64_Nhdr.size <= end;) {
    const { n_namesz, n_descsz, n_type } = Elf64_Nhdr.read(view, at);
    const name = at + Elf64_Nhdr.size;
    const description = align(name + n_namesz, step);
    if (description + n_descsz > end) break;
    notes.push({
      owner: Buffer.from(view.slice(name, n_namesz, 'note owner'))
        .toString('latin1')
        .replace(/\0+$/, ''),
      type: n_type,
      offset: description,
      description: view.slice(description, n_descsz, 'note description'),
    });
    at = align(description + n_descsz, step);
  }
  return notes;
}

/** The GNU build-id among some notes. */
export function buildIdOf(notes: readonly Note[]): BuildId | undefined {
  const note = notes.find((n) => n.owner === 'GNU' && n.type === NT_GNU_BUILD_ID);
  return note && note.description.length > 0 ? buildId(note.description) : undefined;
}
