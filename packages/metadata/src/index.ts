/** The metadata of live patches. The zod schemas are in '@ulp/metadata/schema'. */
export { decodeMetadata, FILE_LIMIT, readMetadata } from './decode';
export { describe, dumpDocument } from './describe';
export { encodeMetadata } from './encode';
export type { FunctionPair, Metadata, PatchFile, PatchId, Target } from './model';
export { isBuildId, isName, isPath, NAME_BYTES, PATH_BYTES } from './rules';
