/**
 * What makes metadata valid beyond its types: stated once. Encoding refuses what breaks a rule,
 * decoding too, and the zod schema says the same (a property test holds them together).
 */
import { abi } from '@ulp/core';
import type { Metadata } from './model';

export const HEX_64 = /^[0-9a-f]{64}$/;
/** A build-id: 1 to BUILD_ID_SIZE bytes. */
export const BUILD_ID = new RegExp(`^(?:[0-9a-f]{2}){1,${abi.BUILD_ID_SIZE}}$`);
/** Longest name of a function or library, in bytes of UTF-8. */
export const NAME_BYTES = 4096;
/** Longest path, in bytes of UTF-8: the runtime keeps it with a NUL. */
export const PATH_BYTES = abi.LIMIT.pathBytes - 1;
/** Longest string of any kind, in bytes of UTF-8. */
export const TEXT_BYTES = Math.max(NAME_BYTES, PATH_BYTES);

const byteLength = (text: string): number => Buffer.byteLength(text);
/** Well-formed, so that it survives UTF-8. */
const isText = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

export const isPath = (text: string): boolean =>
  text.startsWith('/') && isText(text) && byteLength(text) <= PATH_BYTES;
export const isName = (text: string): boolean =>
  text !== '' && isText(text) && byteLength(text) <= NAME_BYTES;
export const isSoname = (text: string): boolean => text === '' || isName(text);
export const isBuildId = (text: string): boolean => BUILD_ID.test(text);
export const isAddress = (value: bigint): boolean => value >= 0n && value < 1n << 64n;
export const isSize = (value: number): boolean =>
  Number.isInteger(value) && value >= 0 && value <= 0xffffffff;

export interface Violation {
  /** Where in the model: `targets[0].functions[2].oldName`. */
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

/** The first rule that is broken; undefined when all hold. */
export function violation(content: Omit<Metadata, 'id'>): Violation | undefined {
  for (const [path, holds, expected, found] of checks(content))
    if (!holds) return { path, expected, found };
  return undefined;
}

type Check = readonly [path: string, holds: boolean, expected: string, found: string];

function* checks({ patch, targets, dependencies }: Omit<Metadata, 'id'>): Generator<Check> {
  const { LIMIT } = abi;
  yield ['patch.path', isPath(patch.path), 'an absolute path', patch.path];
  yield ['patch.size', isSize(patch.size), 'a size below 2^32', String(patch.size)];
  yield ['patch.sha256', HEX_64.test(patch.sha256), '64 hexadecimal digits', patch.sha256];
  yield ['patch.buildId', isBuildId(patch.buildId), 'a build-id', patch.buildId];
  yield [
    'targets',
    targets.length >= 1 && targets.length <= LIMIT.targets,
    `1 to ${LIMIT.targets}`,
    String(targets.length),
  ];
  yield unique(
    'targets',
    'build-ids',
    targets.map((t) => t.buildId),
  );
  yield unique(
    'targets',
    'paths',
    targets.map((t) => t.path),
  );
  const functions = targets.reduce((sum, t) => sum + t.functions.length, 0);
  yield [
    'targets',
    functions <= LIMIT.functions,
    `at most ${LIMIT.functions} functions`,
    `${functions}`,
  ];
  for (const [i, target] of targets.entries()) {
    const at = `targets[${i}]`;
    yield [`${at}.path`, isPath(target.path), 'an absolute path', target.path];
    yield [`${at}.soname`, isSoname(target.soname), 'a name', target.soname];
    yield [`${at}.buildId`, isBuildId(target.buildId), 'a build-id', target.buildId];
    yield [`${at}.functions`, target.functions.length > 0, 'at least one', 'none'];
    yield unique(
      `${at}.functions`,
      'old addresses',
      target.functions.map((f) => f.oldAddress),
    );
    for (const [k, pair] of target.functions.entries()) {
      const here = `${at}.functions[${k}]`;
      yield [`${here}.oldName`, isName(pair.oldName), 'a name', pair.oldName];
      yield [`${here}.newName`, isName(pair.newName), 'a name', pair.newName];
      yield [`${here}.oldAddress`, isAddress(pair.oldAddress), 'an address', `${pair.oldAddress}`];
      yield [`${here}.newAddress`, isAddress(pair.newAddress), 'an address', `${pair.newAddress}`];
      yield [`${here}.oldSize`, isSize(pair.oldSize), 'a size below 2^32', `${pair.oldSize}`];
      // The type promises what is checked here.
      const entryOffset: number = pair.entryOffset;
      yield [
        `${here}.entryOffset`,
        entryOffset === 0 || entryOffset === 4,
        '0 or 4',
        `${entryOffset}`,
      ];
    }
  }
  yield [
    'dependencies',
    dependencies.length <= LIMIT.dependencies,
    `at most ${LIMIT.dependencies}`,
    String(dependencies.length),
  ];
  yield unique('dependencies', 'patch ids', dependencies);
  for (const [i, id] of dependencies.entries())
    yield [`dependencies[${i}]`, HEX_64.test(id), '64 hexadecimal digits', id];
}

function unique(path: string, what: string, values: readonly (string | bigint)[]): Check {
  const different = new Set(values).size;
  return [
    path,
    different === values.length,
    `different ${what}`,
    `${values.length - different} twice`,
  ];
}
