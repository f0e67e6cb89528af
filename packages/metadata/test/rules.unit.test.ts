/** Every rule is enforced by encoding, by decoding and by the schemas alike. */
import { abi } from '@ulp/core';
import fc from 'fast-check';
import { decodeMetadata, dumpDocument, encodeMetadata, NAME_BYTES, PATH_BYTES } from '../src';
import { violation } from '../src/rules';
import { contentSchema, dumpSchema } from '../src/schema';
import { content, EXAMPLE, type Content } from './sample';

const [TARGET] = EXAMPLE.targets as [Content['targets'][0]];
const [PAIR] = TARGET.functions as [Content['targets'][0]['functions'][0]];
const patch = (change: object): Content => ({ ...EXAMPLE, patch: { ...EXAMPLE.patch, ...change } });
const targets = (...changes: object[]): Content => ({
  ...EXAMPLE,
  targets: changes.map((change) => ({ ...TARGET, ...change })),
});
const pairs = (...changes: object[]): Content =>
  targets({ functions: changes.map((change) => ({ ...PAIR, ...change })) });
const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const id = (i: number): string => i.toString(16).padStart(64, '0');
const { LIMIT } = abi;

const BROKEN: readonly (readonly [string, Content])[] = [
  ['a relative path', patch({ path: 'p.so' })],
  ['an empty path', patch({ path: '' })],
  ['a path with NUL', patch({ path: '/p\0' })],
  ['a path that is too long', patch({ path: `/${'é'.repeat(PATH_BYTES)}` })],
  ['half a surrogate pair', patch({ path: '/\ud800' })],
  ['a size that is no whole number', patch({ size: 1.5 })],
  ['a negative size', patch({ size: -1 })],
  ['a size of 2^32', patch({ size: 2 ** 32 })],
  ['a digest that is too short', patch({ sha256: '00' })],
  ['a digest in capitals', patch({ sha256: 'AA'.repeat(32) })],
  ['no build-id', patch({ buildId: '' })],
  ['a build-id of half bytes', patch({ buildId: 'abc' })],
  ['a build-id that is too long', patch({ buildId: 'ab'.repeat(abi.BUILD_ID_SIZE + 1) })],
  ['no targets', targets()],
  [
    'too many targets',
    targets(...many(LIMIT.targets + 1, (i) => ({ path: `/${i}`, buildId: id(i) }))),
  ],
  ['a target twice by path', targets({ buildId: '01' }, { buildId: '02' })],
  ['a target twice by build-id', targets({ path: '/1' }, { path: '/2' })],
  ['a target without functions', targets({ functions: [] })],
  ['a relative target', targets({ path: 'x' })],
  ['a soname with NUL', targets({ soname: 'a\0' })],
  ['a build-id of a target that is none', targets({ buildId: 'x' })],
  ['a function twice by address', pairs({ oldName: 'a' }, { oldName: 'b' })],
  ['too many functions', pairs(...many(LIMIT.functions + 1, (i) => ({ oldAddress: BigInt(i) })))],
  [
    'too many functions in all',
    targets(
      ...many(2, (t) => ({
        path: `/${t}`,
        buildId: id(t),
        functions: many(LIMIT.functions / 2 + 1, (i) => ({ ...PAIR, oldAddress: BigInt(i) })),
      })),
    ),
  ],
  ['an empty old name', pairs({ oldName: '' })],
  ['an empty new name', pairs({ newName: '' })],
  ['a name with NUL', pairs({ newName: 'a\0b' })],
  ['a name that is too long', pairs({ oldName: 'x'.repeat(NAME_BYTES + 1) })],
  ['a negative address', pairs({ oldAddress: -1n })],
  ['an address of 2^64', pairs({ newAddress: 1n << 64n })],
  ['an old size of 2^32', pairs({ oldSize: 2 ** 32 })],
  ['another entry offset', pairs({ entryOffset: 2 })],
  ['a dependency that is no digest', { ...EXAMPLE, dependencies: ['x' as never] }],
  ['a dependency twice', { ...EXAMPLE, dependencies: [id(1), id(1)] as never }],
  [
    'too many dependencies',
    { ...EXAMPLE, dependencies: many(LIMIT.dependencies + 1, id) as never },
  ],
];

test.each(BROKEN)('%s', (_, model) => {
  expect(violation(model)).toBeDefined();
  expect(contentSchema.safeParse(model).success).toBe(false);
  expect(() => encodeMetadata(model)).toThrow(
    expect.objectContaining({ name: 'UlpError', code: 'file-malformed' }) as Error,
  );
});

test('what obeys every rule is accepted by all', () => {
  fc.assert(
    fc.property(content, (model) => {
      expect(violation(model)).toBeUndefined();
      expect(contentSchema.parse(model)).toEqual(model);
      const document = dumpDocument(decodeMetadata(encodeMetadata(model), 'x'));
      expect(dumpSchema.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
    }),
  );
});

test('a change of any one value is judged alike by rules and schema', () => {
  const odd = fc.constantFrom('', '/', '/a\0', 'é', '\udc00', 'AB', 'ab', -1, 0, 3, 2 ** 33, NaN);
  fc.assert(
    fc.property(content, fc.nat(), odd, (model, where, value) => {
      const changed = structuredClone(model);
      const slots = leaves(changed).filter(([o, k]) => typeof o[k] === typeof value);
      const slot = slots[where % slots.length];
      if (slot) slot[0][slot[1]] = value;
      expect(contentSchema.safeParse(changed).success).toBe(violation(changed) === undefined);
    }),
  );
});

/** Every place of a value in a model. */
function leaves(node: object): [Record<string, unknown>, string][] {
  return Object.entries(node).flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null
      ? leaves(value)
      : [[node as Record<string, unknown>, key] as [Record<string, unknown>, string]],
  );
}
