/** The compiler's notes of what was inlined into what, in libraries that have them. */
import fc from 'fast-check';
import { ElfFile } from '@ulp/elf';
import { copyNotes, pack } from '../src';
import { Fixtures } from './fixtures';

let files: Fixtures;
beforeAll(() => {
  files = new Fixtures();
});
afterAll(() => files.remove());

const CODE = `
static __attribute__((noinline)) int shared(int x) { return x * 7 + 1; }
int f(int x) { return x + 1; }
int g(int x) { return f(x) + shared(x); }
int h(int x) { return g(x) * 3; }
`;

/** A section as the patched gcc writes it. */
const notes = (lines: readonly string[]): string => `
__asm__(".pushsection .ulp.copies,\\"MS\\",@progbits,1\\n"
${lines.map((line) => `".string \\"${line.replaceAll('\t', '\\\\t')}\\"\\n"`).join('\n')}
".popsection");`;

const library = (lines: readonly string[], more: readonly string[] = []): string =>
  files.compile('libnotes.so', [CODE + notes(lines), ...more], { gate: true });

/** The warnings of a patch of it. */
function warnings(path: string, ...pairs: readonly string[]): readonly string[] {
  return pack(files.lines(files.patch, `@${path}`, ...pairs)).warnings;
}

test('a function that was inlined elsewhere is replaced there too', () => {
  const path = library(['inlined\tf\tg\tlibnotes.so.0.c', 'inlined\tf\th\tlibnotes.so.0.c']);
  expect(warnings(path, 'f:new_answer')).toEqual([
    expect.stringMatching(
      /fix\.dsc:3:1: 'f' was also inlined into 'g', which goes on as it was: replace it as well$/,
    ),
    expect.stringMatching(/'f' was also inlined into 'h'/),
  ]);
  expect(warnings(path, 'f:new_answer', 'g:new_other', 'h:new_answer')).toEqual([]);
  expect(warnings(path, 'g:new_answer')).toEqual([]);
});

test('a function that exists only where it was inlined', () => {
  const path = library([
    'inlined\tgone\tg\tlibnotes.so.0.c',
    'inlined\tgone\th.part.0\tlibnotes.so.0.c',
  ]);
  expect(() => warnings(path, 'gone:new_answer')).toThrow(
    /found no 'gone' \(its code lives in 'g': replace that\)/,
  );
});

test('what says nothing: functions that were dropped, other kinds, static twins of other files', () => {
  const twin =
    'static __attribute__((noinline)) int shared(int x) { return x * 9; } int k(int x) { return shared(x) + 1; }';
  const path = library(
    [
      'inlined\tf\tdropped\tlibnotes.so.0.c',
      'merged\tf\tg\tlibnotes.so.0.c',
      'cloned\tf\tg\tlibnotes.so.0.c',
      'inlined\tf\tg',
      'inlined\tf\tg\tlibnotes.so.0.c\tmore',
      'inlined\t\tg\tlibnotes.so.0.c',
      'inlined\tshared\tk\telsewhere.c',
      '',
    ],
    [twin.replaceAll('shared', 'other_shared')],
  );
  expect(warnings(path, 'f:new_answer', 'shared:new_other')).toEqual([]);
});

test('a library without notes says nothing', () => {
  expect(copyNotes(ElfFile.read(files.target))).toBeUndefined();
});

test('whatever stands in the section, notes are what has their form', () => {
  const elf = ElfFile.read(library(['inlined\tf\tg\tlibnotes.so.0.c'.padEnd(400, 'x')]));
  const section = elf.section('.ulp.copies');
  if (!section) throw new Error('no section');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: section.size }), (bytes) => {
      const damaged = Buffer.from(elf.view.bytes);
      damaged.set(bytes, section.offset);
      for (const [origin, same] of copyNotes(ElfFile.parse(damaged, 'damaged')) ?? [])
        for (const note of same) {
          expect(note.origin).toBe(origin);
          expect(['inlined', 'cloned']).toContain(note.kind);
          expect(note.holder).not.toBe('');
        }
    }),
  );
});
