/** No API: what the fuzzer looks at inside of this package. Any version may change it. */
export { compareLibraries } from './compare/compare';
export { library } from './compare/functions';
export { parseCopyNotes } from './copy-notes';
export { dependencyIds } from './dependencies';
export { findFunction } from './find-function';
export { SymbolIndex } from './symbol-index';
