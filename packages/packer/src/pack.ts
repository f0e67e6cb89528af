/** The edge: a description and the files that it names, to metadata. */
import { createHash } from 'node:crypto';
import { readInputFile } from '@ulp/core';
import { ElfFile } from '@ulp/elf';
import { encodeMetadata, readMetadata, type Target } from '@ulp/metadata';
import { dependencyIds } from './dependencies';
import { DESCRIPTION_LIMIT, parseDescription, type Description } from './description';
import { plan } from './plan';

export interface Packed {
  /** The metadata file. */
  readonly bytes: Uint8Array;
  readonly warnings: readonly string[];
  /** Every file that was read. */
  readonly inputs: readonly string[];
  readonly targets: readonly PackedTarget[];
}

export interface PackedTarget {
  readonly target: Target;
  readonly elf: ElfFile;
}

/**
 * The same files give the same bytes.
 * @param depends paths of metadata of patches that must be applied first
 * @throws UlpError description-*, file-*, elf-*
 */
export function pack(descriptionPath: string, depends: readonly string[] = []): Packed {
  const description = readDescription(descriptionPath);
  const files = new Map<string, ElfFile>();
  const open = (path: string): ElfFile => {
    const elf = files.get(path) ?? ElfFile.read(path);
    files.set(path, elf);
    return elf;
  };
  const { patch, targets, warnings } = plan(description, open);
  const { bytes } = open(patch.path).view;
  const file = { ...patch, size: bytes.length, sha256: sha256(bytes) };
  const dependencies = dependencyIds(
    depends.map((path) => ({ file: path, metadata: readMetadata(path) })),
    file,
  );
  return {
    bytes: encodeMetadata({ patch: file, targets, dependencies }),
    warnings,
    inputs: [descriptionPath, ...files.keys(), ...depends],
    targets: targets.map((target) => ({ target, elf: open(target.path) })),
  };
}

/** @throws UlpError file-*, description-syntax */
export const readDescription = (path: string): Description =>
  parseDescription(readInputFile(path, { limit: DESCRIPTION_LIMIT }), path);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
