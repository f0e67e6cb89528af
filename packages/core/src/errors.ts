/**
 * The one error class of all packages, the table of what can go wrong, and the exit code of each.
 * A message reads `subject: fact: expected X, found Y (detail)`; the command puts its name in
 * front.
 */
import { printable } from './text';

/** Exit codes of every command, as promised to users. */
export const EXIT = {
  done: 0,
  no: 1,
  usage: 2,
  refused: 3,
  permission: 4,
  timeout: 5,
  defect: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Every error code: its exit code and the fact that it states. */
const ERRORS = {
  // the command line and the files that a user hands over
  usage: [EXIT.usage, 'wrong usage'],
  'file-missing': [EXIT.usage, 'no such file'],
  'file-not-regular': [EXIT.usage, 'not a regular file'],
  'file-empty': [EXIT.usage, 'the file is empty'],
  'file-too-large': [EXIT.usage, 'the file is too large'],
  'file-truncated': [EXIT.usage, 'the file ends too early'],
  'file-malformed': [EXIT.usage, 'malformed'],
  'file-corrupt': [EXIT.usage, 'the file is corrupt'],
  'file-version': [EXIT.usage, 'a format version that this release does not know'],
  'file-io': [EXIT.usage, 'cannot be read or written'],
  'file-unreadable': [EXIT.permission, 'permission denied'],
  'elf-unsupported': [EXIT.usage, 'not an ELF file of the supported kind'],
  'elf-not-patchable': [EXIT.usage, 'not built to be live-patchable'],
  'description-syntax': [EXIT.usage, 'syntax error'],
  'description-content': [EXIT.usage, 'cannot be packed'],
  // what a target process refuses
  'runtime-absent': [EXIT.refused, 'libpulp.so is not loaded'],
  'runtime-abi': [EXIT.refused, 'libpulp.so has another ABI version'],
  'runtime-unusable': [EXIT.refused, 'libpulp.so cannot work in this process'],
  'library-absent': [EXIT.refused, 'the target library is not loaded'],
  'library-not-patchable': [EXIT.refused, 'the library is not live-patchable'],
  'library-abi': [EXIT.refused, 'the library has another ABI version'],
  'build-id-mismatch': [EXIT.refused, 'the build-id differs'],
  'dependency-missing': [EXIT.refused, 'a patch that this one depends on is not applied'],
  'dependency-needed': [EXIT.refused, 'another applied patch depends on this one'],
  'patch-refused': [EXIT.refused, 'the target refuses the patch'],
  'process-unsupported': [EXIT.refused, 'a process of this kind cannot be patched'],
  'process-hostile': [EXIT.refused, 'the memory of the process makes no sense'],
  // permissions and processes
  'process-missing': [EXIT.permission, 'no such process'],
  'process-ended': [EXIT.permission, 'it ended while it was being changed'],
  'process-denied': [EXIT.permission, 'permission denied'],
  'process-traced': [EXIT.permission, 'another process traces it'],
  // time
  'timed-out': [EXIT.timeout, 'not done in time'],
  // ours
  defect: [EXIT.defect, 'a defect of this program'],
} as const satisfies Record<string, readonly [ExitCode, string]>;

export type ErrorCode = keyof typeof ERRORS;

export type Changed = 'no' | 'yes' | 'unknown';

export interface ErrorContext {
  /** What the error is about: a path, `FILE:LINE:COLUMN`, `process 123`, a function. */
  readonly subject: string;
  /** Stands in place of the table's fact where a more exact one is known. */
  readonly fact?: string;
  readonly expected?: string;
  readonly found?: string;
  /** Of an attempt that failed: was anything changed? Told by `detail` in words. */
  readonly changed?: Changed;
  /** What follows from it or what to do about it. */
  readonly detail?: string;
}

export class UlpError extends Error {
  override readonly name = 'UlpError';

  constructor(
    readonly code: ErrorCode,
    readonly context: ErrorContext,
    cause?: unknown,
  ) {
    super(sentence(code, context), cause === undefined ? undefined : { cause });
  }

  get exitCode(): ExitCode {
    return ERRORS[this.code][0];
  }
}

/**
 * Narrow an unknown thing; works across two copies of this package, where `instanceof` does not.
 */
export function isUlpError(error: unknown): error is UlpError {
  return error instanceof Error && error.name === 'UlpError' && 'exitCode' in error;
}

function sentence(code: ErrorCode, context: ErrorContext): string {
  const { subject, expected, found, detail } = context;
  let text = `${printable(subject)}: ${printable(context.fact ?? ERRORS[code][1])}`;
  if (expected !== undefined) text += `: expected ${printable(expected)}`;
  if (found !== undefined)
    text += `${expected === undefined ? ': ' : ', '}found ${printable(found)}`;
  if (detail !== undefined) text += ` (${printable(detail)})`;
  return text;
}
