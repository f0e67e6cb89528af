/**
 * What a description leaves out: functions whose machine code a fix changes, and that are not
 * replaced.
 */
import { UlpError } from '@ulp/core';
import { fileBuildId, soname } from '@ulp/elf';
import type { CopyNote } from '../copy-notes';
import type { PackedTarget } from '../pack';
import { functionsOf, library, type CodeFunction, type Library } from './functions';
import type { Comparison } from './compare';

/**
 * The target that the old library is a build of: the same build, or else the only one of its
 * soname.
 * @throws UlpError description-content
 */
export function targetOf(old: Library, targets: readonly PackedTarget[]): PackedTarget {
  const id = fileBuildId(old.elf);
  const named = targets.filter(({ target }) => target.soname === soname(old.elf));
  const found =
    targets.find(({ target }) => target.buildId === id) ??
    (named.length === 1 ? named[0] : undefined);
  if (found) return found;
  throw new UlpError('description-content', {
    subject: old.path,
    fact: 'cannot be compared',
    expected: 'a build of a target library that the description names',
    found: `build-id ${id ?? 'none'}, soname ${soname(old.elf) || 'none'}`,
  });
}

/** `subject: fact` for each function. */
export function warnOfUnreplaced(
  { functions, data }: Comparison,
  old: Library,
  packed: PackedTarget,
  notes: ReadonlyMap<string, readonly CopyNote[]> | undefined,
): string[] {
  const replaced = replacedFunctions(packed);
  const isReplaced = (name: string, file?: string): boolean =>
    replaced.some((f) => f.name === name && (file === undefined || f.file === file));
  const origins = (name: string): string[] =>
    replaced
      .filter((f) => notes?.get(f.name)?.some(({ holder }) => holder === name))
      .map((f) => `'${f.name}'`);
  const changed = functions.filter(({ change }) => change === 'changed');
  return [
    ...changed
      .filter(({ name, file }) => !isReplaced(name, file))
      .map(({ name }) => {
        const from = origins(name);
        const why = from.length > 0 ? ` (it holds code of ${from.join(', ')})` : '';
        return `${old.path}: '${name}': its machine code changes too, and the description does not replace it${why}`;
      }),
    ...replaced
      .filter(({ name }) => !functions.some((f) => f.name === name))
      .map(
        ({ name }) =>
          `${old.path}: '${name}': the description replaces it, and its machine code is the same in both libraries`,
      ),
    ...data
      .filter(({ change }) => change === 'changed')
      .map(
        ({ name, usedBy }) =>
          `${old.path}: '${name}': data whose first content changes; used by ${usedBy.join(', ') || 'no function by name'}`,
      ),
  ];
}

function replacedFunctions({ target, elf }: PackedTarget): CodeFunction[] {
  const addresses = new Set(target.functions.map(({ oldAddress }) => Number(oldAddress)));
  return functionsOf(library(target.path, elf)).filter(({ address }) => addresses.has(address));
}
