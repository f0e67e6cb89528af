/** What the helper answers when it refuses, as an error. */
import { abi, UlpError, type ErrorCode } from '@ulp/core';
import type { Metadata } from '@ulp/metadata';
import type { Process } from '@ulp/ptrace-ffi';
import type { Answer } from './perform';

/** What the helper may refuse; the rest no helper of ours says about a request of ours. */
const REFUSALS: Readonly<Record<number, ErrorCode>> = {
  [abi.RESULT.libraryChanged]: 'library-not-patchable',
  [abi.RESULT.loadFailed]: 'patch-refused',
  [abi.RESULT.patchChanged]: 'patch-refused',
  [abi.RESULT.dependencyMissing]: 'dependency-missing',
  [abi.RESULT.dependencyNeeded]: 'dependency-needed',
  [abi.RESULT.tableFull]: 'patch-refused',
  [abi.RESULT.noMemory]: 'patch-refused',
  [abi.RESULT.codeUnwritable]: 'process-unsupported',
  [abi.RESULT.barrierDenied]: 'process-unsupported',
  [abi.RESULT.cancelled]: 'timed-out',
};

/** How the loader of glibc says that it gets no memory. */
const LOADER_IS_SHORT = /out of memory|failed to map segment from shared object$/;

/** @throws UlpError of what the helper refused, unless it did what it was asked to */
export function throwIfRefused(
  { subject: process }: Process,
  metadata: Metadata,
  { result, message }: Answer,
): void {
  if (result === abi.RESULT.ok || result === abi.RESULT.unchanged) return;
  const code = REFUSALS[result];
  const subject = `${process}: ${metadata.patch.path}`;
  if (!code)
    throw new UlpError('process-hostile', {
      subject,
      expected: 'an answer of the helper',
      found: `result ${result}`,
      detail: message || 'no message',
    });
  const isShort = result === abi.RESULT.noMemory || LOADER_IS_SHORT.test(message);
  const advice = isShort ? 'perhaps a limit (RLIMIT_AS, RLIMIT_DATA): raise it; ' : '';
  throw new UlpError(code, { subject, detail: `${message}; ${advice}nothing was changed` });
}
