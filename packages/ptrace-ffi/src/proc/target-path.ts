/**
 * Opens a file by the name that the target has for it: inside the target's root directory and
 * mounts, never outside, whatever symbolic links lie on the way (openat2(2) with RESOLVE_IN_ROOT,
 * by hand, because Node.js has no openat). Each step opens one name with O_PATH, which has no side
 * effect on FIFOs or devices; only what proves to be a regular file is then opened for reading.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { UlpError, type ErrorCode } from '@ulp/core';
import { explainDenial } from './denial';
import { FileSystems } from './file-systems';
import { errnoOf } from './proc-file';

/** Linux, x86-64; not among Node's constants. */
export const O_PATH = 0o10000000;
/** As the kernel: ELOOP after 40 links, ENAMETOOLONG after 4096 bytes. */
const LIMIT = { links: 40, bytes: 4096 } as const;

/** @returns a file descriptor; see Process.openFile for the errors */
export function openInRoot(task: number, path: string): number {
  if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > LIMIT.bytes)
    throw new UlpError('file-missing', {
      subject: path,
      expected: `an absolute path of at most ${LIMIT.bytes} bytes`,
    });
  // The directories from the root down to where we are: `..` goes back in this list, never above
  // it.
  const trail = [openRoot(task)];
  const systems = new FileSystems(task);
  const requireAnswering = (fd = trail.at(-1)): void => {
    if (fd === undefined || systems.isOnAnswering(fd)) return;
    throw new UlpError('file-io', {
      subject: path,
      found: 'a file system that its owner may keep from answering',
      detail: "looked up in the target's root directory",
    });
  };
  try {
    requireAnswering();
    const pending = components(path);
    let links = 0;
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      if (name === '..') {
        if (trail.length > 1) close(trail.pop());
        continue;
      }
      const step = `/proc/self/fd/${trail.at(-1)}/${name}`;
      const fd = attempt(path, () => openSync(step, O_PATH | constants.O_NOFOLLOW));
      trail.push(fd);
      requireAnswering();
      if (!fstatSync(fd).isSymbolicLink()) continue;
      close(trail.pop());
      const target = attempt(path, () => readlinkSync(step));
      if (++links > LIMIT.links || target.length > LIMIT.bytes)
        throw new UlpError('file-missing', { subject: path, found: 'too many symbolic links' });
      if (target.startsWith('/')) trail.splice(1).forEach(close);
      pending.unshift(...components(target));
    }
    const found = trail.at(-1);
    const fd = found === undefined ? undefined : attempt(path, () => openFound(found));
    if (fd === undefined) throw new UlpError('file-not-regular', { subject: path });
    return fd;
  } finally {
    trail.forEach(close);
  }
}

/**
 * Opens for reading what a descriptor with O_PATH has found.
 * @returns undefined when that is no regular file: to open it could do something
 */
export const openFound = (path: number): number | undefined =>
  fstatSync(path).isFile()
    ? // Whoever holds a lease on the file (fcntl(2)) would keep us waiting for 45 seconds.
      openSync(`/proc/self/fd/${path}`, constants.O_RDONLY | constants.O_NONBLOCK)
    : undefined;

const components = (path: string): string[] => path.split('/').filter((c) => c !== '' && c !== '.');

function close(fd: number | undefined): void {
  if (fd !== undefined) closeSync(fd);
}

function openRoot(task: number): number {
  try {
    return openSync(`/proc/${task}/root`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    throw explainDenial(task, 'read', error);
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'file-missing',
  ENOTDIR: 'file-missing',
  ENAMETOOLONG: 'file-missing',
  EACCES: 'file-unreadable',
  EPERM: 'file-unreadable',
};

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const errno = errnoOf(error);
    throw new UlpError(
      CODES[errno] ?? 'file-io',
      { subject: path, detail: "looked up in the target's root directory", found: errno },
      error,
    );
  }
}
