/** The edge: two libraries, and perhaps their debug files, to what differs. */
import { ElfFile, requireSharedLibrary } from '@ulp/elf';
import { compareLibraries, type Comparison } from './compare';
import { library, type Library } from './functions';

export interface Compared {
  readonly old: Library;
  readonly fixed: Library;
  readonly comparison: Comparison;
}

/**
 * @param debugFiles separate debug files of the two, when they are stripped
 * @throws UlpError file-*, elf-*
 */
export function compareFiles(
  oldPath: string,
  newPath: string,
  [oldDebug, newDebug]: readonly string[] = [],
): Compared {
  const old = readLibrary(oldPath, oldDebug);
  const fixed = readLibrary(newPath, newDebug);
  return { old, fixed, comparison: compareLibraries(old, fixed) };
}

function readLibrary(path: string, debug: string | undefined): Library {
  const elf = ElfFile.read(path);
  requireSharedLibrary(elf);
  return library(path, elf, debug === undefined ? undefined : ElfFile.read(debug));
}
