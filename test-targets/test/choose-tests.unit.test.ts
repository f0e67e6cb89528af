/** What `npm run test:quick` runs of the tests that need time. */
import { chooseTests } from '../../scripts/choose-tests.cjs';

const dependencies = new Map([
  ['packages/core', []],
  ['packages/elf', ['packages/core']],
  ['packages/packer', ['packages/elf', 'packages/core']],
  ['packages/alone', []],
]);
const tests = ['elf/test/a', 'elf/test/b', 'packer/test/a', 'core/test/a', 'alone/test/a'].map(
  (name) => `packages/${name}.test.ts`,
);
const durations = {
  'packages/elf/test/a.test.ts': 20,
  'packages/elf/test/b.test.ts': 5,
  'packages/packer/test/a.test.ts': 10,
  'packages/core/test/a.test.ts': 1,
};
const choose = (files: readonly string[], seconds: number) => {
  const { chosen, left } = chooseTests({ files, tests, dependencies, durations, seconds });
  const short = (path: string): string => path.slice('packages/'.length, -'.test.ts'.length);
  return { chosen: chosen.map(short), left: left.map(short) };
};

test('the package itself comes first, then those that depend on it, the quick ones before', () => {
  expect(choose(['packages/elf/src/x.ts'], 100)).toEqual({
    chosen: ['elf/test/b', 'elf/test/a', 'packer/test/a'],
    left: [],
  });
  expect(choose(['packages/core/src/x.ts'], 100).chosen).toEqual([
    ...['core/test/a', 'elf/test/b', 'packer/test/a', 'elf/test/a'],
  ]);
});

test('a changed test comes before all others of its package', () => {
  expect(choose(['packages/elf/test/a.test.ts'], 20)).toEqual({
    chosen: ['elf/test/a'],
    left: ['elf/test/b', 'packer/test/a'],
  });
});

test('what there is no time for is named', () => {
  expect(choose(['packages/elf/src/x.ts'], 15)).toEqual({
    chosen: ['elf/test/b', 'packer/test/a'],
    left: ['elf/test/a'],
  });
});

test('a change outside of the packages asks for none of them', () => {
  expect(choose(['docs/limits.md'], 100)).toEqual({ chosen: [], left: [] });
});
