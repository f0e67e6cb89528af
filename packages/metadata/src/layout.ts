/** The records of the file, in order; docs/metadata-format.md explains them. */
import { bytes, field, struct, u16, u32, u64 } from '@ulp/core';

/** "ULPPATCH" */
export const MAGIC = Buffer.from('ULPPATCH', 'latin1');
export const FORMAT_VERSION = 1;

export const file_header = struct('file_header', {
  magic: field(bytes(8), '"ULPPATCH"'),
  version: field(u16, 'FORMAT_VERSION'),
  header_size: field(u16, 'bytes of this header'),
  length: field(u32, 'bytes of the whole file'),
  id: field(bytes(32), 'SHA-256 of everything behind this header'),
  check: field(bytes(8), 'first bytes of the SHA-256 of the header up to here'),
});

export const content_header = struct('content_header', {
  target_count: field(u32, 'number of target records'),
  function_count: field(u32, 'number of function records, of all targets together'),
  dependency_count: field(u32, 'number of patch ids'),
  string_bytes: field(u32, 'size of the string table in bytes'),
  patch_path: field(u32, 'string'),
  patch_size: field(u32, 'bytes of the patch .so'),
  patch_sha256: field(bytes(32), 'of the patch .so'),
  patch_build_id: field(u32, 'string of hexadecimal digits'),
});

export const target_record = struct('target_record', {
  path: field(u32, 'string'),
  soname: field(u32, 'string'),
  build_id: field(u32, 'string of hexadecimal digits'),
  function_count: field(u32, 'number of its function records'),
});

export const function_record = struct('function_record', {
  old_address: field(u64, 'link address of the old function'),
  new_address: field(u64, 'link address of the new function in the patch .so'),
  old_size: field(u32, 'bytes'),
  old_name: field(u32, 'string'),
  new_name: field(u32, 'string'),
  entry_offset: field(u32, '0 or 4'),
});

export const dependency_record = struct('dependency_record', {
  id: field(bytes(32), 'patch id'),
});
