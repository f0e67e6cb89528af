/** The edge: metadata from a file. */
import { readInputFile } from '@ulp/core';
import { decodeMetadata } from './decode';
import { FILE_LIMIT } from './layout';
import type { Metadata } from './model';

/** @throws UlpError file-*: missing, not regular, empty, too large, truncated, malformed, corrupt, version */
export const readMetadata = (path: string): Metadata =>
  decodeMetadata(readInputFile(path, { limit: FILE_LIMIT }), path);
