/** From description and libraries to metadata, against what nm says of the same files. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { abi, isUlpError } from '@ulp/core';
import { ElfFile } from '@ulp/elf';
import { decodeMetadata, encodeMetadata, type FunctionPair, type Metadata } from '@ulp/metadata';
import fc from 'fast-check';
import { pack, parseDescription } from '../src';
import { plan } from '../src/plan';
import { Fixtures } from './fixtures';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

let files: Fixtures;
beforeAll(() => {
  files = new Fixtures();
});
afterAll(() => files.remove());

const packed = (description: string, depends?: string[]): Metadata =>
  decodeMetadata(pack(description, depends).bytes, 'x');
const pairOf = (description: string): FunctionPair =>
  packed(description).targets[0]?.functions[0] as FunctionPair;

/** Address and size that .symtab has of a symbol. */
function symbol(path: string, name: string): { address: bigint; size: number } {
  const table = outputOf('nm', ['-S', path], { encoding: 'utf8' });
  const line = table.split('\n').find((row) => row.endsWith(` ${name}`)) ?? '';
  const [address = '', size = ''] = line.split(' ');
  return { address: BigInt(`0x${address}`), size: parseInt(size, 16) };
}

const buildIdOf = (path: string): string =>
  /Build ID: ([0-9a-f]+)/.exec(outputOf('readelf', ['-n', path], { encoding: 'utf8' }))?.[1] ?? '';

test('metadata says what the files are', () => {
  const { patch, targets, dependencies } = packed(files.describe('answer:new_answer'));
  expect(patch).toEqual({
    path: files.patch,
    size: statSync(files.patch).size,
    sha256: createHash('sha256').update(readFileSync(files.patch)).digest('hex'),
    buildId: buildIdOf(files.patch),
  });
  expect(targets).toHaveLength(1);
  expect(targets[0]).toMatchObject({
    path: files.target,
    soname: 'libtarget.so.1',
    buildId: buildIdOf(files.target),
  });
  expect(dependencies).toEqual([]);
});

test.each([
  ['answer', 'an exported function', 'answer'],
  ['hidden', 'a static one', 'hidden'],
  ['alias', 'an alias', 'other'],
  ['ver@V1', 'an old version', 'old_version'],
  ['ver@V2', 'the default version', 'new_version'],
  ['ver@@V2', 'the default version, said so', 'new_version'],
  ['ver', 'a bare name: the default version', 'new_version'],
  ['_ZN3lib3addEii', 'a mangled name', '_ZN3lib3addEii'],
  ['new_version', 'a name that only .symtab has', 'new_version'],
])('%s: %s', (name, _, inTable) => {
  const { address, size } = symbol(files.target, inTable);
  expect(pairOf(files.describe(`${name}:new_answer`))).toEqual({
    oldName: name,
    newName: 'new_answer',
    oldAddress: address,
    oldSize: size,
    entryOffset: 0,
    newAddress: symbol(files.patch, 'new_answer').address,
  });
});

test('a stripped library gives the same addresses and sizes', () => {
  const stripped = files.lines(files.patch, `@${files.stripped}`, 'answer:new_answer');
  expect(pairOf(stripped)).toEqual(pairOf(files.describe('answer:new_answer')));
});

test('entry behind endbr64', () => {
  const source = 'int f(int x) { return x + 1; }';
  const target = files.compile('libcet.so', [source], {
    gate: true,
    flags: ['-fcf-protection=full'],
  });
  expect(pairOf(files.lines(files.patch, `@${target}`, 'f:new_answer')).entryOffset).toBe(4);
});

test('a static new function, and one for two old ones', () => {
  const [target] = packed(files.describe('answer:new_hidden', 'other:new_hidden')).targets;
  const { address } = symbol(files.patch, 'new_hidden');
  expect(target?.functions.map((f) => f.newAddress)).toEqual([address, address]);
});

test('targets and functions keep their order', () => {
  const description = files.lines(
    files.patch,
    `@${files.second}`,
    'two:new_answer',
    `@${files.target}`,
    'other:new_other',
    'answer:new_answer',
  );
  expect(packed(description).targets.map((t) => t.functions.map((f) => f.oldName))).toEqual([
    ['two'],
    ['other', 'answer'],
  ]);
});

test('the same files give the same bytes', () => {
  const description = files.describe('answer:new_answer');
  expect(pack(description).bytes).toEqual(pack(description).bytes);
});

describe('refused, with the place:', () => {
  test.each([
    [
      'nope',
      /3:1: cannot be packed: expected a function that .*libtarget.* defines, found no 'nope'$/,
    ],
    ['chosen', /3:1: .*expected a function, found 'chosen', an IFUNC/],
    ['datum', /3:1: .*found 'datum', which is something else$/],
    ['puts', /3:1: .*found 'puts', which it imports$/],
    ['bare', /3:1: .*expected a live-patchable function, found 'bare' without a gated entry/],
    ['twin', /3:1: .*expected one function 'twin' in .*, found 2, at 0x[0-9a-f]+ and 0x[0-9a-f]+ /],
    ['gone', /3:1: .*a default version of 'gone', or name@VERSION, found only gone@V1$/],
    ['ver@V3', /3:1: .*expected 'ver@V3', found only .*ver@V1/],
    ['ver@@V1', /3:1: .*expected 'ver@@V1', found only .*ver@V1/],
    ['answer@V9', /3:1: .*expected 'answer@V9', found only answer@@V1$/],
    ['nope@V1', /3:1: .*found no 'nope'$/],
    ['split', /3:1: .*found only 'split\.part\.0' /],
  ])('old function %s', (name, message) => {
    expect(() => pack(files.describe(`${name}:new_answer`))).toThrow(message);
  });

  test.each([
    ['nope', /3:8: .*expected a function that .*patch\.so defines, found no 'nope'$/],
    ['new_chosen', /3:8: .*an IFUNC/],
    ['new_datum', /3:8: .*which is something else$/],
  ])('new function %s', (name, message) => {
    expect(() => pack(files.describe(`answer:${name}`))).toThrow(message);
  });

  test('a static function of a stripped library', () => {
    const description = files.lines(files.patch, `@${files.stripped}`, 'hidden:new_answer');
    expect(() => pack(description)).toThrow(/found no 'hidden' \(it is stripped: only exported/);
  });

  test('a function twice', () => {
    expect(() => pack(files.describe('answer:new_answer', '! x', 'answer:new_other'))).toThrow(
      /:5:1: .*expected each old function once, found that of line 3$/,
    );
  });

  test('a function twice, by another name of it', () => {
    expect(() => pack(files.describe('other:new_answer', 'alias:new_other'))).toThrow(
      /:4:1: .*found that of line 3, as 'other'$/,
    );
  });

  test('a target twice, by path and by build-id', () => {
    const again = (path: string): string =>
      files.lines(
        files.patch,
        `@${files.target}`,
        'answer:new_answer',
        `@${path}`,
        'other:new_other',
      );
    expect(() => pack(again(files.target))).toThrow(
      /:4:2: .*expected each file once, found the target of line 2 again$/,
    );
    expect(() => pack(again(files.stripped))).toThrow(/:4:2: .*the target of line 2 again$/);
  });

  test.each([
    ['missing', () => '/nowhere.so', 'file-missing', /:2:2: \/nowhere\.so: no such file$/],
    ['a directory', () => '/tmp', 'file-not-regular', /:2:2: \/tmp: not a regular file$/],
    ['a text', () => files.write('text', 'hello'), 'elf-unsupported', /:2:2: .*an ELF file/],
    [
      'an object file',
      () => files.compile('x.o', ['int f;'], { flags: ['-c'] }),
      'elf-unsupported',
      /:2:2: .*expected a shared library, found ELF type 1$/,
    ],
    [
      'an executable',
      () => files.compile('x', ['int main(void) { return 0; }'], { flags: ['-pie'] }),
      'elf-unsupported',
      /:2:2: .*expected a shared library, found an executable$/,
    ],
    [
      'not live-patchable',
      () => files.patch.replace('patch.so', 'plain.so'),
      'elf-not-patchable',
      /:2:2: .*expected a library linked with trm\.o, found no ULP note$/,
    ],
    [
      'not gated',
      () => files.compile('libungated.so', ['int f(void) { return 1; }'], { gate: 'linked' }),
      'elf-not-patchable',
      /:2:2: .*went through ulp-dynsym-gate, found one that did not$/,
    ],
    [
      'without build-id',
      () =>
        files.compile('libnoid.so', ['int f(void) { return 1; }'], {
          gate: true,
          flags: ['-Wl,--build-id=none'],
        }),
      'description-content',
      /:2:2: .*expected a build-id .*found none /,
    ],
  ])('a target that is %s', (_, target, code, message) => {
    files.compile('plain.so', ['int f(void) { return 1; }']);
    const description = files.lines(files.patch, `@${target()}`, 'f:new_answer');
    expect(() => pack(description)).toThrow(expect.objectContaining({ code }) as Error);
    expect(() => pack(description)).toThrow(message);
  });

  test('a patch .so that is live-patchable itself, is a target, or has no build-id', () => {
    const of = (patch: string): string => files.lines(patch, `@${files.target}`, 'answer:two');
    expect(() => pack(of(files.second))).toThrow(
      /:1:1: .*expected a patch \.so linked without trm\.o, found a live-patchable library$/,
    );
    expect(() => pack(of(files.target))).toThrow(/:1:1: .*linked without trm\.o/);
    const noId = files.compile('noid.so', ['int two;'], { flags: ['-Wl,--build-id=none'] });
    expect(() => pack(of(noId))).toThrow(/:1:1: .*expected a build-id/);
  });

  test('too many targets and functions', () => {
    const targets = Array.from({ length: abi.LIMIT.targets + 1 }, (_, i) => `@/${i}\na:b`);
    expect(() => pack(files.lines(files.patch, ...targets))).toThrow(
      /:130:2: .*expected at most 64 targets, found more$/,
    );
    const pairs = Array.from({ length: abi.LIMIT.functions + 1 }, (_, i) => `a${i}:b`);
    expect(() => pack(files.describe(...pairs))).toThrow(
      /:4099:1: .*expected at most 4096 functions, found more$/,
    );
  });
});

describe('warned of:', () => {
  test('a clone whose callers keep the old function', () => {
    const { warnings } = pack(files.describe('cloned:new_answer'));
    expect(warnings).toEqual([
      expect.stringMatching(/fix\.dsc:3:1: callers of 'cloned\.constprop\.0' will not see/),
    ]);
    expect(
      pack(files.describe('cloned:new_answer', 'cloned.constprop.0:new_answer')).warnings,
    ).toEqual([]);
  });

  test('a static function of the target that the patch .so wants to call', () => {
    const patch = files.compile('wants.so', [
      'int hidden(int); int other(int); int n(int x) { return hidden(x) + other(x); }',
    ]);
    const { warnings } = pack(files.lines(patch, `@${files.target}`, 'answer:n'));
    expect(warnings).toEqual([
      expect.stringMatching(/fix\.dsc:1:1: needs 'hidden', which .*libtarget.* does not export$/),
    ]);
  });
});

describe('dependencies:', () => {
  const dependency = (n: number): string =>
    files.write(
      `${n}.ulp`,
      encodeMetadata({
        patch: {
          path: `/${n}.so`,
          size: 1,
          sha256: n.toString(16).padStart(64, '0'),
          buildId: n.toString(16).padStart(8, '0') as Metadata['patch']['buildId'],
        },
        targets: packed(files.describe('answer:new_answer')).targets,
        dependencies: [],
      }),
    );

  test("their ids, in an order that is not the command line's", () => {
    const [a, b] = [dependency(1), dependency(2)];
    const description = files.describe('answer:new_answer');
    const ids = [a, b].map((path) => decodeMetadata(readFileSync(path), path).id);
    expect(packed(description, [a, b]).dependencies).toEqual([...ids].sort());
    expect(pack(description, [b, a]).bytes).toEqual(pack(description, [a, b]).bytes);
  });

  test('one twice, itself, too many, or no metadata', () => {
    const one = dependency(1);
    const own = files.write('own.ulp', pack(files.describe('answer:new_answer')).bytes);
    const many = Array.from({ length: abi.LIMIT.dependencies + 1 }, (_, i) => dependency(i));
    const description = files.describe('answer:new_answer');
    expect(() => pack(description, [one, one])).toThrow(/expected each patch once, found that of/);
    expect(() => pack(description, [own])).toThrow(/a patch cannot depend on itself$/);
    expect(() => pack(description, many)).toThrow(/expected at most 16 dependencies, found 17$/);
    expect(() => pack(description, [files.patch])).toThrow(/expected live patch metadata/);
  });
});

test('a damaged library is packed, or refused with a reason', () => {
  const description = parseDescription(
    Buffer.from('/p\n@/t\nanswer:new_answer\nhidden:new_hidden\nver@V1:new_other\n'),
    'd',
  );
  const whole = { '/p': readFileSync(files.patch), '/t': readFileSync(files.target) };
  const damage = fc.record({
    path: fc.constantFrom('/p' as const, '/t' as const),
    // Headers and tables lie at both ends.
    changes: fc.array(fc.tuple(fc.integer({ min: -3000, max: 1500 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    }),
    cut: fc.option(fc.nat(20_000)),
  });
  fc.assert(
    fc.property(damage, ({ path, changes, cut }) => {
      const bytes = Buffer.from(whole[path]);
      for (const [at, value] of changes) bytes[at < 0 ? bytes.length + at : at] = value;
      const damaged = bytes.subarray(0, cut ?? bytes.length);
      const open = (wanted: string): ElfFile =>
        ElfFile.parse(wanted === path ? damaged : whole[wanted as '/p' | '/t'], wanted);
      try {
        expect(plan(description, open).targets).toHaveLength(1);
      } catch (error) {
        if (!isUlpError(error)) throw error;
        expect(error.exitCode).toBe(2);
      }
    }),
    { numRuns: 1000 },
  );
});
