/** Description file and patch .so to metadata. */
export {
  parseDescription,
  type Description,
  type Pair,
  type Section,
  type Word,
} from './description';
export { pack, readDescription, type Packed } from './pack';
export { compareFiles, type Compared } from './compare/read';
export type { Change, Comparison, FunctionChange, PieceChange } from './compare/compare';
export type { DataChange } from './compare/data';
export { copyNotes, type CopyNote } from './copy-notes';
