/** Description and ELF files to metadata. No effects but those of `open`, which reads a library. */
import { abi, UlpError, isUlpError, type BuildId } from '@ulp/core';
import {
  fileBuildId,
  gatedEntry,
  libraryNote,
  requireGated,
  requireSharedLibrary,
  soname,
  type ElfFile,
} from '@ulp/elf';
import { isBuildId, type FunctionPair, type PatchFile, type Target } from '@ulp/metadata';
import type { Description, Pair, Section, Word } from './description';
import { findFunction } from './find-function';
import { holdersOf } from './holders';
import { SymbolIndex } from './symbol-index';

export interface Plan {
  /** All but the digest, which only the edge can compute. */
  readonly patch: Pick<PatchFile, 'path' | 'buildId'>;
  readonly targets: readonly Target[];
  /** What may go wrong later, for the author: `subject: fact`. */
  readonly warnings: readonly string[];
}

/**
 * @param open reads the ELF file of that path
 * @throws UlpError description-content, or file-* and elf-* with the place in front
 */
export function plan(description: Description, open: (path: string) => ElfFile): Plan {
  const { patch, sections } = description;
  const patchElf = openLibrary(patch, open);
  if (libraryNote(patchElf))
    throw content(patch, 'a patch .so linked without trm.o', 'a live-patchable library');
  const patchId = requireBuildId(patch, patchElf);
  const newFunctions = new SymbolIndex(patchElf);
  const seen: Seen[] = [{ what: 'the patch .so', at: patch, buildId: patchId }];
  const warnings: string[] = [];
  const targets = sections.map((section) => {
    const { path } = section;
    const elf = openLibrary(path, open);
    locate(path, () => requireGated(elf));
    const buildId = requireBuildId(path, elf);
    for (const other of seen)
      if (other.at.text === path.text || other.buildId === buildId)
        throw content(path, 'each file once', `${other.what} of line ${other.at.line} again`);
    seen.push({ what: 'the target', at: path, buildId });
    const library = new SymbolIndex(elf);
    const functions = pairFunctions(section, library, newFunctions);
    warnings.push(
      ...warnOfClones(section, library),
      ...warnOfCopies(section, library),
      ...warnOfImports(patch, newFunctions, library),
    );
    return { path: path.text, soname: soname(elf), buildId, functions };
  });
  return { patch: { path: patch.text, buildId: patchId }, targets, warnings };
}

interface Seen {
  readonly what: string;
  readonly at: Word;
  readonly buildId: BuildId;
}

function openLibrary(path: Word, open: (path: string) => ElfFile): ElfFile {
  return locate(path, () => {
    const elf = open(path.text);
    requireSharedLibrary(elf);
    return elf;
  });
}

function requireBuildId(path: Word, elf: ElfFile): BuildId {
  const found = fileBuildId(elf);
  if (found !== undefined && isBuildId(found)) return found;
  throw content(
    path,
    `a build-id of at most ${abi.BUILD_ID_SIZE} bytes in ${path.text}`,
    found === undefined ? 'none' : `${found.length / 2} bytes`,
    'link with -Wl,--build-id',
  );
}

function pairFunctions(
  section: Section,
  library: SymbolIndex,
  newFunctions: SymbolIndex,
): FunctionPair[] {
  const taken = new Map<bigint, Pair>();
  return section.pairs.map((pair) => {
    const old = findFunction(library, pair.old);
    const entry = gatedEntry(library.elf, old.address);
    if (!entry)
      throw content(
        pair.old,
        'a live-patchable function',
        `'${pair.old.text}' without a gated entry`,
        'assembly, a function that returns twice, or code compiled without the flags of ulp-runtime cflags',
      );
    const before = taken.get(old.address);
    if (before) {
      const alias = before.old.text === pair.old.text ? '' : `, as '${before.old.text}'`;
      throw content(pair.old, 'each old function once', `that of line ${before.old.line}${alias}`);
    }
    taken.set(old.address, pair);
    return {
      oldName: pair.old.text,
      newName: pair.new.text,
      oldAddress: old.address,
      oldSize: old.size,
      entryOffset: entry.entryOffset,
      newAddress: findFunction(newFunctions, { ...pair.new, name: pair.new.text }).address,
    };
  });
}

/**
 * Callers of a clone, or of a function that was split, do not come through the function's entry.
 */
function warnOfClones({ pairs }: Section, library: SymbolIndex): string[] {
  const named = new Set(pairs.map((pair) => pair.old.text));
  return pairs.flatMap(({ old }) =>
    library
      .clones(old.name)
      .filter((clone) => !named.has(clone))
      .map((clone) => `${old.where}: callers of '${clone}' will not see the new function`),
  );
}

/** The code of a replaced function goes on where it was inlined, unless that is replaced too. */
function warnOfCopies({ pairs }: Section, library: SymbolIndex): string[] {
  const named = new Set(pairs.map(({ old }) => old.name));
  return pairs.flatMap(({ old }) =>
    holdersOf(library, old.name)
      .filter((holder) => !named.has(holder))
      .map(
        (holder) =>
          `${old.where}: '${old.name}' was also inlined into '${holder}', which goes on as it was: replace it as well`,
      ),
  );
}

/** dlopen will fail, unless some other library exports the name. */
function warnOfImports(patch: Word, patchSymbols: SymbolIndex, library: SymbolIndex): string[] {
  return patchSymbols
    .imports()
    .filter((name) => library.hides(name))
    .map((name) => `${patch.where}: needs '${name}', which ${library.elf.subject} does not export`);
}

/** Errors about a file begin with the place that names it. */
function locate<T>({ where }: Word, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!isUlpError(error)) throw error;
    const subject = `${where}: ${error.context.subject}`;
    throw new UlpError(error.code, { ...error.context, subject }, error);
  }
}

const content = (at: Word, expected: string, found: string, detail?: string): UlpError =>
  new UlpError('description-content', {
    subject: at.where,
    expected,
    found,
    ...(detail === undefined ? {} : { detail }),
  });
