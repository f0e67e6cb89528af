/** Model to bytes. One model has exactly one encoding. */
import { createHash } from 'node:crypto';
import { UlpError } from '@ulp/core';
import {
  content_header,
  dependency_record,
  file_header,
  FORMAT_VERSION,
  function_record,
  MAGIC,
  target_record,
} from './layout';
import type { Metadata } from './model';
import { violation } from './rules';

export const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Strings in the order in which they are asked for, each once, each with a NUL. */
class StringTable {
  private readonly offsets = new Map<string, number>();
  private readonly parts: Buffer[] = [];
  private size = 0;

  offset(text: string): number {
    const known = this.offsets.get(text);
    if (known !== undefined) return known;
    const at = this.size;
    const part = Buffer.from(`${text}\0`);
    this.offsets.set(text, at);
    this.parts.push(part);
    this.size += part.length;
    return at;
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

/**
 * The file of a patch; its id is computed.
 * @throws UlpError file-malformed when a rule is broken
 */
export function encodeMetadata(content: Omit<Metadata, 'id'>): Uint8Array {
  const broken = violation(content);
  if (broken) {
    const { path, expected, found } = broken;
    throw new UlpError('file-malformed', { subject: `metadata: ${path}`, expected, found });
  }
  const { patch, targets, dependencies } = content;
  const strings = new StringTable();
  const head = {
    target_count: targets.length,
    function_count: targets.reduce((sum, target) => sum + target.functions.length, 0),
    dependency_count: dependencies.length,
    patch_path: strings.offset(patch.path),
    patch_size: patch.size,
    patch_sha256: Buffer.from(patch.sha256, 'hex'),
    patch_build_id: strings.offset(patch.buildId),
  };
  const records = targets.map((target) =>
    target_record.encode({
      path: strings.offset(target.path),
      soname: strings.offset(target.soname),
      build_id: strings.offset(target.buildId),
      function_count: target.functions.length,
    }),
  );
  for (const pair of targets.flatMap((target) => target.functions))
    records.push(
      function_record.encode({
        old_address: pair.oldAddress,
        new_address: pair.newAddress,
        old_size: pair.oldSize,
        old_name: strings.offset(pair.oldName),
        new_name: strings.offset(pair.newName),
        entry_offset: pair.entryOffset,
      }),
    );
  for (const id of dependencies)
    records.push(dependency_record.encode({ id: Buffer.from(id, 'hex') }));
  const table = strings.bytes();
  const body = Buffer.concat([
    content_header.encode({ ...head, string_bytes: table.length }),
    ...records,
    table,
  ]);
  return Buffer.concat([fileHeader(body), body]);
}

/** The header of a file with this content. */
export function fileHeader(body: Uint8Array): Uint8Array {
  const header = file_header.encode({
    magic: MAGIC,
    version: FORMAT_VERSION,
    header_size: file_header.size,
    length: file_header.size + body.length,
    id: sha256(body),
    check: new Uint8Array(8),
  });
  const { check } = file_header.offset;
  header.set(sha256(header.subarray(0, check)).subarray(0, 8), check);
  return header;
}
