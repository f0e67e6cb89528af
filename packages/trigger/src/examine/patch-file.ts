/**
 * The patch .so as the target would load it: inside its root directory, and the very file that was
 * packed.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, readSync } from 'node:fs';
import { isUlpError, UlpError } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import type { Process } from '@ulp/ptrace-ffi';

const CHUNK = 1 << 20;

/**
 * Where the target sees no such file, and we do: says how it gets there. It does not go in through
 * memory (memfd_create(2)): loading that takes a procfs in the target, more system calls, and
 * rights that hardened processes lack; a library is a file of the target's.
 * @throws what opening it threw, or a UlpError that says more
 */
function explainMissing(process: Process, path: string, error: unknown): never {
  if (!(isUlpError(error) && error.code === 'file-missing' && existsSync(path))) throw error;
  throw new UlpError(
    'file-missing',
    {
      subject: `${process.subject}: ${path}`,
      fact: "no such file in the target's root directory, but outside of it",
      detail: `copy it there: from here that is /proc/${process.pid}/root${path}`,
    },
    error,
  );
}

function openPatch(process: Process, path: string): number {
  try {
    return process.openFile(path);
  } catch (error) {
    return explainMissing(process, path, error);
  }
}

/** @throws UlpError file-* (as the target sees it), patch-refused when it is another file */
export function requirePatchFile(process: Process, { patch }: Metadata): void {
  const differs = (expected: string, found: string): UlpError =>
    new UlpError('patch-refused', {
      subject: `${process.subject}: ${patch.path}`,
      fact: 'not the file that was packed',
      expected,
      found,
    });
  const fd = openPatch(process, patch.path);
  try {
    const { size } = fstatSync(fd);
    if (size !== patch.size) throw differs(`${patch.size} bytes`, String(size));
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(Math.min(size, CHUNK));
    for (let at = 0; at < size;) {
      const n = readSync(fd, chunk, 0, chunk.length, at);
      if (n === 0) break;
      hash.update(chunk.subarray(0, n));
      at += n;
    }
    const found = hash.digest('hex');
    if (found !== patch.sha256) throw differs(`SHA-256 ${patch.sha256}`, found);
  } finally {
    closeSync(fd);
  }
}
