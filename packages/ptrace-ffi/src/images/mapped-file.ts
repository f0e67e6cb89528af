/**
 * The file of an image: the very one that is mapped, also when it was deleted or replaced
 * (map_files), or where that takes a privilege that we lack, what its name leads to now, if it has
 * the same build-id.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ByteView, isUlpError, type BuildId } from '@ulp/core';
import { buildIdOf, parseNotes, PT, type ReadAt } from '@ulp/elf';
import { HEADER_SIZE, parseHeaders } from './elf-in-memory';
import type { Image } from './images';
import type { AddressSpace } from '../proc/address-space';
import { mappingAt, type Mapping } from '../proc/maps';
import { openFound, O_PATH } from '../proc/target-path';

const NOTE_LIMIT = 64 << 10;

/** @returns a file descriptor to be closed, or undefined when the file cannot be had */
export function openImageFile(
  process: AddressSpace,
  image: Image,
  maps: readonly Mapping[],
): number | undefined {
  const mapping = mappingAt(maps, image.start);
  for (const open of [
    () => mapping && openMapped(process, mapping),
    () => (image.deleted ? undefined : process.openFile(image.path)),
  ]) {
    const fd = attempt(open);
    if (fd === undefined) continue;
    if (isFileOf(fd, image)) return fd;
    closeSync(fd);
  }
  return undefined;
}

/**
 * Reads whole ranges of a file, or nothing: it may be cut while we read.
 * @param budget bytes that may be read in all
 */
export const readerOf =
  (fd: number, budget = { bytes: Infinity }): ReadAt =>
  (offset, size) => {
    if (size > budget.bytes) return undefined;
    // Asked first, so that no crafted header makes us allocate what is not there.
    if (!Number.isSafeInteger(offset + size) || offset + size > fstatSync(fd).size)
      return undefined;
    const bytes = Buffer.allocUnsafe(size);
    for (let have = 0; have < size;) {
      const n = attempt(() => readSync(fd, bytes, have, size - have, offset + have)) ?? 0;
      if (n === 0) return undefined;
      have += n;
    }
    budget.bytes -= size;
    return bytes;
  };

function openMapped(process: AddressSpace, { start, end }: Mapping): number | undefined {
  const range = `${start.toString(16)}-${end.toString(16)}`;
  const path = process.through((task) => openSync(`/proc/${task}/map_files/${range}`, O_PATH));
  try {
    return openFound(path);
  } finally {
    closeSync(path);
  }
}

/**
 * Without a build-id, its inode must do: file systems of layers show another one, and nothing is
 * named.
 */
function isFileOf(fd: number, image: Image): boolean {
  const { buildId } = image;
  if (buildId === undefined) return fstatSync(fd, { bigint: true }).ino === image.inode;
  return fileBuildId(readerOf(fd), fstatSync(fd).size) === buildId;
}

function fileBuildId(read: ReadAt, size: number): BuildId | undefined {
  const head = read(0, Math.min(HEADER_SIZE, size));
  for (const p of (head && parseHeaders(head)) ?? []) {
    if (p.p_type !== PT.NOTE || p.p_filesz > NOTE_LIMIT) continue;
    const notes = read(Number(p.p_offset), Number(p.p_filesz));
    const found =
      notes &&
      buildIdOf(parseNotes(new ByteView(notes, 'notes'), 0, notes.length, Number(p.p_align)));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What the file system refuses, we do without. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isUlpError(error) || (error as NodeJS.ErrnoException).syscall !== undefined)
      return undefined;
    throw error;
  }
}
