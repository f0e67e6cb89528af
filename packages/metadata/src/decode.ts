/** Bytes to model. Whatever is not exactly what encode would write is an error that says why. */
import {
  abi,
  array,
  ByteView,
  linkAddress,
  readInputFile,
  UlpError,
  type BuildId,
  type ErrorCode,
  type Struct,
  type Value,
} from '@ulp/core';
import { encodeMetadata, sha256 } from './encode';
import {
  content_header,
  dependency_record,
  file_header,
  FORMAT_VERSION,
  function_record,
  MAGIC,
  target_record,
} from './layout';
import type { Metadata, PatchId } from './model';
import { TEXT_BYTES, violation } from './rules';

/** Largest file that is read, in bytes; the limits of the format stay below it. */
export const FILE_LIMIT = 64 << 20;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * @param subject the file's name, for errors
 * @throws UlpError file-truncated, file-malformed, file-corrupt, file-version
 */
export function decodeMetadata(bytes: Uint8Array, subject: string): Metadata {
  const fail = (code: ErrorCode, expected: string, found: string, fact?: string): UlpError =>
    new UlpError(code, { subject, expected, found, ...(fact === undefined ? {} : { fact }) });
  const view = new ByteView(bytes, subject);
  const magic = view.bytes.subarray(0, MAGIC.length);
  if (Buffer.compare(magic, MAGIC.subarray(0, magic.length)) !== 0)
    throw fail('file-malformed', 'live patch metadata', `a file that begins with 0x${hex(magic)}`);
  const header = file_header.read(view);
  const { check } = file_header.offset;
  if (hex(sha256(bytes.subarray(0, check)).subarray(0, 8)) !== hex(header.check))
    throw fail('file-corrupt', `header checksum ${hex(header.check)}`, 'another');
  if (header.version !== FORMAT_VERSION)
    throw fail('file-version', String(FORMAT_VERSION), String(header.version));
  if (header.header_size !== file_header.size)
    throw fail('file-malformed', `a header of ${file_header.size} bytes`, `${header.header_size}`);
  if (header.length !== bytes.length)
    throw bytes.length < header.length
      ? fail('file-truncated', `${header.length} bytes`, `${bytes.length}`)
      : fail('file-malformed', `${header.length} bytes`, `${bytes.length}`);
  const id = hex(header.id);
  if (hex(sha256(bytes.subarray(file_header.size))) !== id)
    throw fail('file-corrupt', `content of SHA-256 ${id}`, 'another');
  const content = decodeContent(view);
  const broken = violation(content);
  if (broken)
    throw fail('file-malformed', broken.expected, broken.found, `malformed ${broken.path}`);
  if (Buffer.compare(encodeMetadata(content), bytes) !== 0)
    throw fail('file-malformed', 'the one encoding that its content has', 'another');
  return { id: id as PatchId, ...content };
}

/** @throws UlpError file-*: see readInputFile and decodeMetadata */
export function readMetadata(path: string): Metadata {
  return decodeMetadata(readInputFile(path, { limit: FILE_LIMIT }), path);
}

function decodeContent(view: ByteView): Omit<Metadata, 'id'> {
  let at = file_header.size;
  // A struct of any fields.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const next = <S extends Struct<any>>(record: S, count: number): Value<S>[] => {
    view.check(at, record.size * count, `${count} × ${record.name}`);
    const values = array(record, count).get(view.data, at);
    at += record.size * count;
    return values as Value<S>[];
  };
  const head = content_header.read(view, at);
  at += content_header.size;
  // Before anything is allocated for them: many records may name one long string.
  within(view, 'target_count', head.target_count, abi.LIMIT.targets);
  within(view, 'function_count', head.function_count, abi.LIMIT.functions);
  within(view, 'dependency_count', head.dependency_count, abi.LIMIT.dependencies);
  const targets = next(target_record, head.target_count);
  const functions = next(function_record, head.function_count);
  const dependencies = next(dependency_record, head.dependency_count);
  const strings = at;
  const text = (offset: number): string =>
    view.string(strings + offset, 'string', strings + offset + TEXT_BYTES + 1);
  let first = 0;
  return {
    patch: {
      path: text(head.patch_path),
      size: head.patch_size,
      sha256: hex(head.patch_sha256),
      buildId: text(head.patch_build_id) as BuildId,
    },
    targets: targets.map((target) => {
      const own = functions.slice(first, first + target.function_count);
      first += target.function_count;
      return {
        path: text(target.path),
        soname: text(target.soname),
        buildId: text(target.build_id) as BuildId,
        functions: own.map((record) => ({
          oldName: text(record.old_name),
          newName: text(record.new_name),
          oldAddress: linkAddress(record.old_address),
          oldSize: record.old_size,
          // Checked by the rules.
          entryOffset: record.entry_offset as 0 | 4,
          newAddress: linkAddress(record.new_address),
        })),
      };
    }),
    dependencies: dependencies.map(({ id }) => hex(id) as PatchId),
  };
}

function within(view: ByteView, what: string, found: number, limit: number): void {
  if (found > limit)
    throw new UlpError('file-malformed', {
      subject: view.subject,
      fact: `malformed ${what}`,
      expected: `at most ${limit}`,
      found: String(found),
    });
}
