/** Metadata for tests: one example, which docs/metadata-format.md dumps, and arbitrary models. */
import { abi, linkAddress, type BuildId } from '@ulp/core';
import fc from 'fast-check';
import type { FunctionPair, Metadata, PatchId, Target } from '../src';
import { NAME_BYTES, PATH_BYTES } from '../src';

export type Content = Omit<Metadata, 'id'>;

export const EXAMPLE: Content = {
  patch: {
    path: '/p/fix.so',
    size: 15056,
    sha256: '11'.repeat(32),
    buildId: 'a1b2c3d4' as BuildId,
  },
  targets: [
    {
      path: '/l/libx.so.1',
      soname: 'libx.so.1',
      buildId: 'e5f6a7b8' as BuildId,
      functions: [
        {
          oldName: 'greet',
          newName: 'greet_fixed',
          oldAddress: linkAddress(0x11e0n),
          oldSize: 19,
          entryOffset: 4,
          newAddress: linkAddress(0x1100n),
        },
      ],
    },
  ],
  dependencies: ['22'.repeat(32) as PatchId],
};

const hexBytes = (least: number, most: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: least, maxLength: most })
    .map((bytes) => Buffer.from(bytes).toString('hex'));
const digest = hexBytes(32, 32);
const buildId = hexBytes(1, abi.BUILD_ID_SIZE) as fc.Arbitrary<BuildId>;
/** Any characters but NUL, at most so many bytes of UTF-8. */
const text = (least: number, bytes: number): fc.Arbitrary<string> =>
  fc
    .string({ minLength: least, maxLength: 40, unit: 'binary' })
    .map((s) => s.replaceAll('\0', ':'))
    .filter((s) => Buffer.byteLength(s) <= bytes);
const name = fc.oneof(text(1, NAME_BYTES), fc.constant('n'.repeat(NAME_BYTES)));
const path = fc.oneof(
  text(0, PATH_BYTES - 1).map((s) => `/${s}`),
  fc.constant(`/${'p'.repeat(PATH_BYTES - 1)}`),
);
const address = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(linkAddress);
const u32 = fc.nat({ max: 0xffffffff });

const pair: fc.Arbitrary<FunctionPair> = fc.record({
  oldName: name,
  newName: name,
  oldAddress: address,
  oldSize: u32,
  entryOffset: fc.constantFrom(0 as const, 4 as const),
  newAddress: address,
});

const target: fc.Arbitrary<Target> = fc.record({
  path,
  soname: fc.oneof(fc.constant(''), name),
  buildId,
  functions: fc.uniqueArray(pair, {
    minLength: 1,
    maxLength: 5,
    selector: (f) => f.oldAddress,
  }),
});

export const content: fc.Arbitrary<Content> = fc.record({
  patch: fc.record({ path, size: u32, sha256: digest, buildId }),
  targets: fc.uniqueArray(target, {
    minLength: 1,
    maxLength: 4,
    comparator: (a, b) => a.path === b.path || a.buildId === b.buildId,
  }),
  dependencies: fc.uniqueArray(digest as fc.Arbitrary<PatchId>, {
    maxLength: abi.LIMIT.dependencies,
  }),
});
