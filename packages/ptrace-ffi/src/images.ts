/**
 * The programs and libraries in a process, found from the kernel's maps: a mapping of a file's first
 * byte, where an ELF header lies, whose executable segment is mapped where the header says.
 */
import { readlinkSync } from 'node:fs';
import { abi, linkAddress, relocate, remoteAddress, UlpError } from '@ulp/core';
import type { BuildId, RemoteAddress } from '@ulp/core';
import { buildIdOf, PF, PT, type Elf64Phdr } from '@ulp/elf';
import { HEADER_SIZE, notesAt, parseHeaders, type LoadedNote } from './elf-in-memory';
import { mappingAt, type Mapping } from './maps';
import type { Memory } from './memory';
import type { Process } from './process';
import { numbers, readStatus } from './status';

/** What holds for a file wherever it is mapped, as its memory tells. */
interface FileFacts {
  readonly programHeaders: readonly Elf64Phdr[];
  readonly notes: readonly LoadedNote[];
  readonly buildId: BuildId | undefined;
}

export interface Image extends FileFacts {
  /** As the target sees it: without its root directory, without ` (deleted)`. */
  readonly path: string;
  /** No name leads to this very file any more: it was removed or replaced. */
  readonly deleted: boolean;
  readonly device: string;
  readonly inode: bigint;
  readonly start: RemoteAddress;
  /** First address behind its last segment. */
  readonly end: RemoteAddress;
  /** What the loader added to every link address. */
  readonly loadBias: bigint;
}

/**
 * Remembers what files contain, so that a scan reads a library once and not in every process. For the
 * length of one scan only: an inode number may be used again later. Kept apart by user, so that no
 * process can lie about a file that other users' processes map as well; and what carries a note of
 * ours is read afresh in every process.
 */
export class ImageCache {
  private readonly known = new Map<string, FileFacts | 'not an image'>();

  look(key: string, read: () => FileFacts | 'not an image' | undefined): FileFacts | undefined {
    let facts = this.known.get(key);
    if (facts === undefined) {
      facts = read();
      if (facts === undefined) return undefined;
      if (facts === 'not an image' || !facts.notes.some((n) => n.owner === abi.NOTE_OWNER))
        this.known.set(key, facts);
    }
    return facts === 'not an image' ? undefined : facts;
  }
}

/** Of one process: images, and bytes of notes in all of them; bytes of notes in one image. */
const LIMIT = { images: 8192, noteBytes: 16 << 20, imageNoteBytes: 64 << 10 } as const;

export function readImages(process: Process, maps: readonly Mapping[], cache: ImageCache): Image[] {
  const user = owner(process);
  const root = rootOf(process);
  const images: Image[] = [];
  const room = { notes: LIMIT.noteBytes };
  for (const first of maps) {
    if (first.offset !== 0n || first.inode === 0n) continue;
    const { device, inode, start, end } = first;
    const key = `${user} ${device} ${inode} ${end - start} ${first.path}`;
    const facts = cache.look(key, () => readFacts(process.memory, first, room));
    const place = facts && locate(facts.programHeaders, first, maps);
    if (!facts || !place) continue;
    if (images.length === LIMIT.images)
      throw new UlpError('process-hostile', {
        subject: process.subject,
        expected: `at most ${LIMIT.images} programs and libraries`,
      });
    const path =
      root && first.path.startsWith(`${root}/`) ? first.path.slice(root.length) : first.path;
    images.push({ ...facts, ...place, path, deleted: first.deleted, device, inode, start });
  }
  return images;
}

/** @param room bytes of notes that are still read; what does not fit is left out */
function readFacts(
  memory: Memory,
  first: Mapping,
  room: { notes: number },
): FileFacts | 'not an image' | undefined {
  const head = memory.tryRead(first.start, Math.min(HEADER_SIZE, Number(first.end - first.start)));
  if (!head) return undefined;
  const programHeaders = parseHeaders(head);
  const bias = programHeaders && loadBias(programHeaders, first);
  if (programHeaders === undefined || bias === undefined) return 'not an image';
  let own = Math.min(room.notes, LIMIT.imageNoteBytes);
  const notes = programHeaders.flatMap((p) => {
    if (p.p_type !== PT.NOTE || p.p_filesz > BigInt(own)) return [];
    own -= Number(p.p_filesz);
    room.notes -= Number(p.p_filesz);
    const address = relocate(linkAddress(p.p_vaddr), bias);
    const segment = memory.tryRead(address, Number(p.p_filesz));
    return segment ? notesAt(segment, p.p_vaddr, p.p_align) : [];
  });
  return { programHeaders, notes, buildId: buildIdOf(notes) };
}

/** From the segment that holds the file's first byte. */
function loadBias(headers: readonly Elf64Phdr[], first: Mapping): bigint | undefined {
  const segment = headers.find((p) => p.p_type === PT.LOAD && p.p_offset === 0n);
  return segment && first.start - segment.p_vaddr;
}

/** @returns undefined when the file is mapped as data only */
function locate(
  headers: readonly Elf64Phdr[],
  first: Mapping,
  maps: readonly Mapping[],
): { loadBias: bigint; end: RemoteAddress } | undefined {
  const bias = loadBias(headers, first);
  if (bias === undefined) return undefined;
  const loads = headers.filter((p) => p.p_type === PT.LOAD);
  const code = loads.find((p) => p.p_flags & PF.X);
  const mapping = code && mappingAt(maps, bias + code.p_vaddr);
  if (!mapping?.executable || mapping.inode !== first.inode || mapping.device !== first.device)
    return undefined;
  const end = loads.reduce((top, p) => {
    const segmentEnd = bias + p.p_vaddr + p.p_memsz;
    return segmentEnd > top ? segmentEnd : top;
  }, 0n);
  return { loadBias: bias, end: remoteAddress(end) };
}

const owner = (process: Process): string =>
  numbers(readStatus(`/proc/${process.pid}/status`)?.get('Uid')).join(' ');

/** The target's root directory as we see it; '' when it is ours, or none of our names leads to it. */
function rootOf(process: Process): string {
  try {
    const root = process.through((task) => readlinkSync(`/proc/${task}/root`));
    return root === '/' ? '' : root;
  } catch {
    return '';
  }
}
