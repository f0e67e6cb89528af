/**
 * Reading the files that a user hands over, and writing results whole or not at all.
 * What a name leads to may be anything: a FIFO, a device, a directory, a file that grows.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { mkdtempSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UlpError, type ErrorCode } from './errors';

/** Largest file read without saying otherwise, in bytes. */
export const DEFAULT_LIMIT = 1 << 30;

/**
 * The content of a regular file.
 * @param limit largest size accepted, in bytes
 * @throws UlpError file-missing, file-not-regular, file-empty, file-too-large, file-unreadable,
 * file-io
 */
export function readInputFile(path: string, { limit = DEFAULT_LIMIT } = {}): Buffer {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not wait.
  const fd = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const stat = attempt(path, () => fstatSync(fd));
    if (!stat.isFile()) throw new UlpError('file-not-regular', { subject: path });
    if (stat.size === 0) throw new UlpError('file-empty', { subject: path });
    if (stat.size > limit)
      throw new UlpError('file-too-large', {
        subject: path,
        expected: `at most ${limit} bytes`,
        found: `${stat.size}`,
      });
    const bytes = Buffer.allocUnsafe(stat.size);
    let have = 0;
    while (have < bytes.length) {
      const n = attempt(path, () => readSync(fd, bytes, have, bytes.length - have, have));
      if (n === 0) break;
      have += n;
    }
    return bytes.subarray(0, have);
  } finally {
    closeSync(fd);
  }
}

/**
 * Puts `bytes` at `path` whole or not at all: written beside it, synced, renamed over it. A file
 * that was there keeps its mode.
 * @throws UlpError file-missing (no such directory), file-not-regular, file-unreadable, file-io
 * (disk full)
 */
export function writeFileAtomic(path: string, bytes: Uint8Array, mode = 0o644): void {
  const old = attempt(path, () => statSync(path, { throwIfNoEntry: false }));
  if (old && !old.isFile()) throw new UlpError('file-not-regular', { subject: path });
  const room = attempt(path, () => mkdtempSync(join(dirname(path), `.${basename(path)}.`)));
  try {
    const name = join(room, 'new');
    const fd = attempt(path, () => openSync(name, 'wx', old ? old.mode & 0o7777 : mode));
    try {
      for (let done = 0; done < bytes.length;)
        done += attempt(path, () => writeSync(fd, bytes, done, bytes.length - done));
      attempt(path, () => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
    attempt(path, () => renameSync(name, path));
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'file-missing',
  ENOTDIR: 'file-missing',
  EISDIR: 'file-not-regular',
  ENXIO: 'file-not-regular',
  EACCES: 'file-unreadable',
  EPERM: 'file-unreadable',
  EROFS: 'file-unreadable',
};

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? '';
    const code = CODES[errno];
    if (code) throw new UlpError(code, { subject: path }, error);
    throw new UlpError('file-io', { subject: path, found: errno || String(error) }, error);
  }
}
