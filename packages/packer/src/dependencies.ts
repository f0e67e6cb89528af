/** The patches that must be applied first, from their metadata. */
import { abi, UlpError } from '@ulp/core';
import type { Metadata, PatchFile, PatchId } from '@ulp/metadata';

export interface Dependency {
  /** Of the metadata. */
  readonly file: string;
  readonly metadata: Metadata;
}

/**
 * Their ids in ascending order, so that the order on the command line does not matter.
 * @throws UlpError description-content: the patch itself, one twice, or too many
 */
export function dependencyIds(
  dependencies: readonly Dependency[],
  patch: Pick<PatchFile, 'sha256' | 'buildId'>,
): PatchId[] {
  const { LIMIT } = abi;
  const files = new Map<PatchId, string>();
  for (const { file, metadata } of dependencies) {
    const { id } = metadata;
    const refuse = (expected: string, found: string): UlpError =>
      new UlpError('description-content', { subject: file, expected, found });
    if (metadata.patch.sha256 === patch.sha256 || metadata.patch.buildId === patch.buildId)
      throw refuse('another patch', 'the same patch .so: a patch cannot depend on itself');
    const other = files.get(id);
    if (other !== undefined) throw refuse('each patch once', `that of ${other} again`);
    if (files.size === LIMIT.dependencies)
      throw refuse(`at most ${LIMIT.dependencies} dependencies`, `${dependencies.length}`);
    files.set(id, file);
  }
  return [...files.keys()].sort();
}
