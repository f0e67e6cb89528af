/**
 * The programs and libraries in a process, found from the kernel's maps: a mapping of a file's
 * first byte, where an ELF header lies, whose executable segment is mapped where the header says.
 */
import { readlinkSync } from 'node:fs';
import { linkAddress, relocate, remoteAddress, UlpError } from '@ulp/core';
import type { BuildId, RemoteAddress } from '@ulp/core';
import { buildIdOf, PF, PT, type Elf64Phdr } from '@ulp/elf';
import type { AddressSpace } from '../proc/address-space';
import { HEADER_SIZE, notesAt, parseHeaders, type LoadedNote } from './elf-in-memory';
import { isSilent } from '../proc/file-systems';
import { mappingAt, type Mapping } from '../proc/maps';
import type { Memory } from '../proc/memory';

/** What holds for an image wherever it is mapped, as its memory tells. */
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
  /** First address after its last segment. */
  readonly end: RemoteAddress;
  /** What the loader added to every link address. */
  readonly loadBias: bigint;
}

/** How many different images are remembered; each takes some 5 KB. */
const REMEMBERED = 4096;

/**
 * Remembers what the first pages of images say, so that a scan takes a library apart once and not
 * in every process. They are known by all their bytes, as each process shows them: what one makes
 * of a library is not taken for what another one has.
 */
export class ImageCache {
  private readonly known = new Map<string, FileFacts>();

  /** @param read what the page says; `isAll`: nothing of it was found elsewhere in memory */
  look(
    page: Buffer,
    read: () => { facts: FileFacts; isAll: boolean } | undefined,
  ): FileFacts | undefined {
    const key = page.toString('latin1');
    const before = this.known.get(key);
    if (before) return before;
    const found = read();
    if (found?.isAll && this.known.size < REMEMBERED) this.known.set(key, found.facts);
    return found?.facts;
  }
}

/** Of one process: images, and bytes of notes in all of them; bytes of notes in one image. */
const LIMIT = { images: 8192, noteBytes: 16 << 20, imageNoteBytes: 64 << 10 } as const;

export function readImages(
  process: AddressSpace,
  maps: readonly Mapping[],
  cache: ImageCache,
): Image[] {
  const root = rootOf(process);
  const images: Image[] = [];
  const budget = { notes: LIMIT.noteBytes };
  refuseSilentCode(process, maps);
  for (const first of maps) {
    if (first.offset !== 0n || first.inode === 0n) continue;
    const { device, inode, start } = first;
    const page = readPage(process.memory, first);
    const facts = page && cache.look(page, () => readFacts(process.memory, first, page, budget));
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

/**
 * A program or library that cannot be looked at may be the one that is asked for.
 * @throws UlpError process-hostile
 */
function refuseSilentCode(
  { subject, memory: { silent } }: AddressSpace,
  maps: readonly Mapping[],
): void {
  const code = maps.find(({ executable, start }) => executable && isSilent(silent, start, 1));
  if (!code) return;
  throw new UlpError('process-hostile', {
    subject: `${subject}: ${code.path}`,
    fact: 'code on a file system that its owner may keep from answering',
    detail: 'FUSE, or made in another user namespace: run the tool inside, as the owner',
  });
}

const readPage = (memory: Memory, { start, end }: Mapping): Buffer | undefined =>
  memory.tryRead(start, Math.min(HEADER_SIZE, Number(end - start)));

/**
 * @param budget bytes of notes that are still read; what does not fit is left out
 * @returns undefined when it is no image
 */
function readFacts(
  memory: Memory,
  first: Mapping,
  page: Buffer,
  budget: { notes: number },
): { facts: FileFacts; isAll: boolean } | undefined {
  const programHeaders = parseHeaders(page);
  const bias = programHeaders && loadBias(programHeaders, first);
  if (programHeaders === undefined || bias === undefined) return undefined;
  let own = Math.min(budget.notes, LIMIT.imageNoteBytes);
  let isAll = true;
  const notes = programHeaders.flatMap((p) => {
    if (p.p_type !== PT.NOTE) return [];
    const size = Number(p.p_filesz);
    if (p.p_filesz > BigInt(own)) {
      isAll = false;
      return [];
    }
    own -= size;
    budget.notes -= size;
    const address = relocate(linkAddress(p.p_vaddr), bias);
    const at = address - first.start;
    const isInPage = at >= 0n && at + p.p_filesz <= BigInt(page.length);
    isAll &&= isInPage;
    // Not read again: between two reads it may change.
    const segment = isInPage
      ? page.subarray(Number(at), Number(at) + size)
      : memory.tryRead(address, size);
    return segment ? notesAt(segment, p.p_vaddr, p.p_align) : [];
  });
  return { facts: { programHeaders, notes, buildId: buildIdOf(notes) }, isAll };
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

/**
 * The target's root directory as we see it; '' when it is ours, or none of our names leads to it.
 */
function rootOf(process: AddressSpace): string {
  try {
    const root = process.through((task) => readlinkSync(`/proc/${task}/root`));
    return root === '/' ? '' : root;
  } catch {
    return '';
  }
}
