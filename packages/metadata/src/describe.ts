/** Metadata as text and as a JSON document. */
import { hex, printable } from '@ulp/core';
import type { Metadata } from './model';

/** The document of `ulp-dump --json`; its schema is dumpSchema. */
export function dumpDocument(metadata: Metadata) {
  return {
    schema: 'ulp-dump/1' as const,
    id: metadata.id,
    patch: metadata.patch,
    targets: metadata.targets.map((target) => ({
      ...target,
      functions: target.functions.map((pair) => ({
        ...pair,
        oldAddress: hex(pair.oldAddress),
        newAddress: hex(pair.newAddress),
      })),
    })),
    dependencies: metadata.dependencies,
  };
}

/** For people: several lines, without the last line's end. */
export function describe({ id, patch, targets, dependencies }: Metadata): string {
  return [
    `patch ${id}`,
    `  file      ${printable(patch.path)}`,
    `  size      ${patch.size} bytes`,
    `  sha256    ${patch.sha256}`,
    `  build-id  ${patch.buildId}`,
    ...dependencies.map((dependency) => `  needs     ${dependency}`),
    ...targets.flatMap((target) => [
      `target ${printable(target.path)}`,
      ...(target.soname ? [`  soname    ${printable(target.soname)}`] : []),
      `  build-id  ${target.buildId}`,
      ...target.functions.map(
        (pair) =>
          `  ${printable(pair.oldName)} (${hex(pair.oldAddress)}, ${pair.oldSize} bytes) -> ${printable(pair.newName)} (${hex(pair.newAddress)})`,
      ),
    ]),
  ].join('\n');
}
