/** The id of a patch, which is also the checksum of its metadata. */
import { createHash } from 'node:crypto';
import { DIGEST_SIZE, ulp_metadata_header } from './layout';
import type { PatchId } from './model';

/** SHA-256 over a whole encoded file but its id field. */
export function patchIdOf(encoded: Uint8Array): PatchId {
  const at = ulp_metadata_header.offset.id;
  return createHash('sha256')
    .update(encoded.subarray(0, at))
    .update(encoded.subarray(at + DIGEST_SIZE))
    .digest('hex') as PatchId;
}
