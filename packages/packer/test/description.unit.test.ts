/** The description file: what is accepted, and where errors point. */
import { isUlpError } from '@ulp/core';
import fc from 'fast-check';
import { parseDescription } from '../src';

const parse = (text: string | Uint8Array) => parseDescription(Buffer.from(text), 'd');

/** The message of the syntax error that parsing gives. */
function refusal(text: string | Uint8Array): string {
  try {
    parse(text);
  } catch (error) {
    if (isUlpError(error) && error.code === 'description-syntax') return error.message;
    throw error;
  }
  return 'accepted';
}

test('a description of two targets', () => {
  const { patch, sections } = parse(
    ['! a comment', '/p q.so', '', '@/l/a.so', 'old:new', 'f@V1:g', '@/l/b.so', 'h@@V2:é'].join(
      '\n',
    ),
  );
  expect(patch).toEqual({ text: '/p q.so', line: 2, where: 'd:2:1' });
  expect(sections.map((s) => s.path)).toEqual([
    { text: '/l/a.so', line: 4, where: 'd:4:2' },
    { text: '/l/b.so', line: 7, where: 'd:7:2' },
  ]);
  expect(sections[0]?.pairs).toMatchObject([
    { old: { name: 'old', where: 'd:5:1' }, new: { text: 'new', where: 'd:5:5' } },
    { old: { name: 'f', version: 'V1', isDefault: false }, new: { where: 'd:6:6' } },
  ]);
  expect(sections[1]?.pairs[0]).toMatchObject({
    old: { text: 'h@@V2', name: 'h', version: 'V2', isDefault: true },
    new: { text: 'é' },
  });
});

test('CR LF, white space at line ends and a missing last line end have no meaning', () => {
  const plain = parse('/p\n@/t\na:b\n');
  expect(parse('/p\r\n@/t \t\r\na:b')).toEqual(plain);
});

const head = '/p\n@/t\n';
test.each([
  ['', 'd:1:1: syntax error: expected the path of the patch .so, found the end of the file'],
  ['! c\n', 'd:2:1: syntax error: expected the path of the patch .so, found the end of the file'],
  ['p.so\n', /^d:1:1: .*expected an absolute path .* of the patch \.so, found 'p\.so'$/],
  ['@/t\na:b\n', /^d:1:1: .*of the patch \.so, found '@\/t'$/],
  [
    '/p\n',
    'd:2:1: syntax error: expected @ and the path of a target library, found the end of the file',
  ],
  ['/p\na:b\n', "d:2:1: syntax error: expected @ and the path of a target library, found 'a:b'"],
  ['/p\n@t\na:b\n', /^d:2:2: .*expected an absolute path .*after @, found 't'$/],
  ['/p\n@\na:b\n', /^d:2:2: .*found ''$/],
  ['/p\n@/t\n', 'd:2:2: syntax error: expected at least one OLD:NEW below the target, found none'],
  ['/p\n@/t\n@/u\na:b\n', /^d:2:2: .*expected at least one OLD:NEW/],
  [`/${'p'.repeat(1023)}\n`, /^d:1:1: .*at most 1023 bytes.*found '\/p{199}…'$/],
  [`${head}a\n`, "d:3:1: syntax error: expected OLD:NEW, found 'a'"],
  [`${head}a:b:c\n`, 'd:3:4: syntax error: expected one colon, found another'],
  [`${head}éé:b:c\n`, 'd:3:5: syntax error: expected one colon, found another'],
  [`${head}😀:b:c\n`, 'd:3:4: syntax error: expected one colon, found another'],
  [`${head}:b\n`, 'd:3:1: syntax error: expected the name of the old function, found nothing'],
  [`${head}a:\n`, 'd:3:3: syntax error: expected the name of the new function, found nothing'],
  [`${head}@@V:b\n`, /^d:3:2: .*expected an absolute path/],
  [`${head}a@:b\n`, 'd:3:3: syntax error: expected a symbol version after @, found nothing'],
  [`${head}a@@:b\n`, 'd:3:4: syntax error: expected a symbol version after @, found nothing'],
  [`${head}a@V@W:b\n`, /^d:3:3: .*a symbol version after @, without @, found 'V@W'$/],
  [`${head}a:b@V\n`, /^d:3:3: .*the new function, without @, found 'b@V'$/],
  [`${head}a b:c\n`, /^d:3:1: .*without white space, found 'a b'$/],
  [`${head}a: b\n`, /^d:3:3: .*without white space/],
  [
    `${head} a:b\n`,
    'd:3:1: syntax error: expected an entry or ! at the start of the line, found white space',
  ],
  [`${head}a:b\n\t! c\n`, /^d:4:1: .*found white space$/],
  [`${head}a\x1b:b\n`, "d:3:2: syntax error: expected text, found '\\x1b'"],
  [`${head}a\0:b\n`, /^d:3:2: /],
  [`${head}${'a'.repeat(4097)}:b\n`, /^d:3:1: .*at most 4096 bytes/],
  [
    '\ufeff/p\n',
    'd:1:1: syntax error: expected UTF-8 without a byte order mark, found a byte order mark',
  ],
  [
    Buffer.from('2f700a61ff', 'hex'),
    'd:2:2: syntax error: expected UTF-8, found bytes that are not',
  ],
  [Buffer.from('c3a92f0a2f', 'hex').fill(0xc3, 4), /^d:2:1: /],
] as const)('%j', (text, message) => {
  if (typeof message === 'string') expect(refusal(text)).toBe(message);
  else expect(refusal(text)).toMatch(message);
});

test('anything at all is accepted or a syntax error with file, line and column', () => {
  const piece = fc.constantFrom('/p', '@', ':', '\n', '!', ' ', 'a', '\r\n', '@@', 'é', '\0', '\t');
  const text = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join('')));
  fc.assert(
    fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      expect(refusal(bytes)).toMatch(/^(accepted$|d:\d+:\d+: syntax error: expected )/);
    }),
    { numRuns: 2000 },
  );
});

test('what is written is what is read', () => {
  const name = fc.stringMatching(/^[A-Za-z_.$][\w.$]{0,20}$/);
  const path = fc.stringMatching(/^\/[\w./+-]{0,30}$/);
  const section = fc.record({ path, pairs: fc.array(fc.tuple(name, name), { minLength: 1 }) });
  fc.assert(
    fc.property(path, fc.array(section, { minLength: 1 }), (patch, sections) => {
      const text = sections.map((s) => `@${s.path}\n${s.pairs.map((p) => p.join(':')).join('\n')}`);
      const read = parse(`${patch}\n${text.join('\n')}\n`);
      expect(read.patch.text).toBe(patch);
      expect(
        read.sections.map((s) => ({
          path: s.path.text,
          pairs: s.pairs.map((p) => [p.old.name, p.new.text]),
        })),
      ).toEqual(sections);
    }),
  );
});
