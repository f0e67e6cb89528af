/** The patch .so as the target would load it: inside its root directory, and the very file that was packed. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UlpError } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import type { Process } from '@ulp/ptrace-ffi';

const CHUNK = 1 << 20;

/** @throws UlpError file-* (as the target sees it), patch-refused when it is another file */
export function requirePatchFile(process: Process, { patch }: Metadata): void {
  const differs = (expected: string, found: string): UlpError =>
    new UlpError('patch-refused', {
      subject: `${process.subject}: ${patch.path}`,
      fact: 'not the file that was packed',
      expected,
      found,
    });
  const fd = process.openFile(patch.path);
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
