/** Encoding and decoding are inverse, and nothing but an encoding is decoded. */
import { abi, isUlpError } from '@ulp/core';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMetadata, encodeMetadata } from '../src';
import { fileHeader } from '../src/encode';
import { content_header, file_header, function_record, target_record } from '../src/layout';
import { content, EXAMPLE } from './sample';

const FILE_CODES = ['file-truncated', 'file-malformed', 'file-corrupt', 'file-version'];

/**
 * The code with which decoding fails; undefined: it does not. Anything but a file-* error is thrown
 * on.
 */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeMetadata(bytes, 'x.ulp');
    return undefined;
  } catch (error) {
    if (isUlpError(error) && FILE_CODES.includes(error.code)) return error.code;
    throw error;
  }
}

/** A file whose checksums are right, whatever its content is. */
const seal = (body: Uint8Array): Uint8Array => Buffer.concat([fileHeader(body), body]);
const body = (): Buffer => Buffer.from(encodeMetadata(EXAMPLE).subarray(file_header.size));

test('decoding gives back what was encoded', () => {
  fc.assert(
    fc.property(content, (model) => {
      const { id, ...decoded } = decodeMetadata(encodeMetadata(model), 'x.ulp');
      expect(decoded).toEqual(model);
      expect(id).toMatch(/^[0-9a-f]{64}$/);
    }),
  );
});

test('one model has one encoding, whatever the order of its properties', () => {
  const reversed = JSON.parse(
    JSON.stringify(Object.fromEntries(Object.entries(EXAMPLE.patch).reverse())),
  ) as typeof EXAMPLE.patch;
  expect(encodeMetadata({ ...EXAMPLE, patch: reversed })).toEqual(encodeMetadata(EXAMPLE));
});

test('the id follows the content', () => {
  const ids = [EXAMPLE, { ...EXAMPLE, dependencies: [] }].map(
    (model) => decodeMetadata(encodeMetadata(model), 'x').id,
  );
  expect(new Set(ids).size).toBe(2);
});

test('every truncation is an error', () => {
  const whole = encodeMetadata(EXAMPLE);
  for (let size = 0; size < whole.length; size++)
    expect([size, refusal(whole.subarray(0, size))]).toEqual([size, 'file-truncated']);
});

test('every single bit flip is an error', () => {
  const whole = encodeMetadata(EXAMPLE);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Uint8Array.from(whole);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect([bit, refusal(flipped)]).toEqual([
      bit,
      bit < 64 ? 'file-malformed' : 'file-corrupt', // 64 bits of magic
    ]);
  }
});

test('bytes behind the end are an error', () => {
  expect(refusal(Buffer.concat([encodeMetadata(EXAMPLE), Buffer.of(0)]))).toBe('file-malformed');
});

test('another version is told apart from damage', () => {
  const header = fileHeader(body());
  const later = Buffer.from(header);
  later.writeUInt16LE(2, file_header.offset.version);
  const resealed = Buffer.concat([later.subarray(0, file_header.offset.check), checkOf(later)]);
  expect(refusal(Buffer.concat([resealed, body()]))).toBe('file-version');
});

function checkOf(header: Uint8Array): Buffer {
  const upTo = header.subarray(0, file_header.offset.check);
  return createHash('sha256').update(upTo).digest().subarray(0, 8);
}

test('a crafted file is refused, or it is the encoding of what was read', () => {
  const original = body();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: -8, max: 8 }),
      (changes, growth) => {
        const changed = Buffer.concat([original, Buffer.alloc(8)]).subarray(
          0,
          original.length + growth,
        );
        for (const [at, value] of changes) changed[Math.min(at, changed.length - 1)] = value;
        const file = seal(changed);
        if (refusal(file) !== undefined) return;
        expect(Buffer.compare(encodeMetadata(decodeMetadata(file, 'x')), file)).toBe(0);
      },
    ),
    { numRuns: 3000 },
  );
});

test.each(['target_count', 'function_count', 'dependency_count'] as const)(
  'a crafted %s is refused before anything is allocated for it',
  (count) => {
    const crafted = body();
    crafted.writeUInt32LE(0xffffffff, content_header.offset[count]);
    expect(() => decodeMetadata(seal(crafted), 'x')).toThrow(
      new RegExp(`x: malformed ${count}: expected at most \\d+, found 4294967295`),
    );
  },
);

test('thousands of names in one string of megabytes cost neither memory nor time', () => {
  const count = abi.LIMIT.functions;
  const head = body().subarray(0, content_header.size + target_record.size);
  head.writeUInt32LE(count, content_header.offset.function_count);
  head.writeUInt32LE(0, content_header.offset.dependency_count);
  const long = Buffer.alloc(32 << 20, 'x');
  const file = seal(Buffer.concat([head, Buffer.alloc(count * function_record.size), long]));
  expect(refusal(file)).toBe('file-truncated');
});

test('a crafted file that breaks a rule is refused with the place of the rule', () => {
  const crafted = body();
  crafted.write('x', crafted.indexOf('/l/libx'));
  expect(() => decodeMetadata(seal(crafted), 'x')).toThrow(
    'x: malformed targets[0].path: expected an absolute path, found xl/libx.so.1',
  );
});

test('strings that are not UTF-8 are refused', () => {
  const crafted = body();
  crafted.fill(0xff, crafted.indexOf('greet'), crafted.indexOf('greet') + 5);
  expect(refusal(seal(crafted))).toBe('file-malformed');
});

test('docs/metadata-format.md shows the bytes of the example', () => {
  const text = readFileSync(join(__dirname, '../../../docs/metadata-format.md'), 'utf8');
  const dump = [...text.matchAll(/^([0-9a-f]{4}): ((?:[0-9a-f]{2} ?)+)/gm)];
  const shown = Buffer.from(dump.map((line) => line[2]?.replaceAll(' ', '')).join(''), 'hex');
  expect(shown.toString('hex')).toBe(Buffer.from(encodeMetadata(EXAMPLE)).toString('hex'));
  expect(dump.map((line) => parseInt(line[1] ?? '', 16))).toEqual(dump.map((_, i) => i * 16));
});
