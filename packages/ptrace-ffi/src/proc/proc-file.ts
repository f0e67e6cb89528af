/** Reading files of /proc: sized zero, generated while they are read, gone at any moment. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { UlpError } from '@ulp/core';

/** Largest file of /proc that is read: about 400,000 mappings. */
const LIMIT = 32 << 20;

/** The `code` of a failed system call, or ''. */
export const errnoOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException | undefined)?.code ?? '';

let buffer = Buffer.allocUnsafe(64 << 10);

/**
 * The whole text, one byte a character.
 * @throws the error of open(2) or read(2) as it is; UlpError process-hostile beyond the limit
 */
export function readProcFile(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    let have = 0;
    for (;;) {
      const n = readSync(fd, buffer, have, buffer.length - have, null);
      if (n === 0) return buffer.toString('latin1', 0, have);
      have += n;
      if (have < buffer.length) continue;
      if (have >= LIMIT)
        throw new UlpError('process-hostile', {
          subject: path,
          expected: `at most ${LIMIT} bytes`,
        });
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
  } finally {
    closeSync(fd);
  }
}

/** As readProcFile, but undefined when the process or thread is gone. */
export function tryReadProcFile(path: string): string | undefined {
  try {
    return readProcFile(path);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error))) return undefined;
    throw error;
  }
}
