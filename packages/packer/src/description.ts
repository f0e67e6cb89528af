/**
 * The description file: bytes to model. One entry a line:
 *
 *   ! a comment
 *   /path/of/patch.so
 *   @/path/of/target.so
 *   old_function:new_function
 *
 * White space at the end of a line (so also CR LF) has no meaning; at its start it is an error.
 */
import { isUtf8 } from 'node:buffer';
import { abi, UlpError } from '@ulp/core';
import { isName, isPath, NAME_BYTES, PATH_BYTES } from '@ulp/metadata';

/** A piece of the file, and where it stands. */
export interface Word {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** `FILE:LINE:COLUMN`, both from 1; columns count characters. The subject of errors about it. */
  readonly where: string;
}

/**
 * A function, perhaps of a symbol version: `name`, `name@VERSION`, or `name@@VERSION` for the
 * default one.
 */
interface OldFunction extends Word {
  readonly name: string;
  readonly version?: string;
  /** `@@`: the version must be the default one. */
  readonly isDefault: boolean;
}

export interface Pair {
  readonly old: OldFunction;
  readonly new: Word;
}

export interface Section {
  readonly path: Word;
  readonly pairs: readonly Pair[];
}

export interface Description {
  readonly patch: Word;
  readonly sections: readonly Section[];
}

const { LIMIT } = abi;

/** Largest description that is read, in bytes. */
export const DESCRIPTION_LIMIT = 16 << 20;

const ABSOLUTE_PATH = `an absolute path of at most ${PATH_BYTES} bytes`;

/**
 * @param file the name of the file, for errors
 * @throws UlpError description-syntax, naming file, line and column; description-content for more
 * than a patch can hold
 */
export function parseDescription(bytes: Uint8Array, file: string): Description {
  const text = decode(bytes, file);
  let patch: Word | undefined;
  const sections: { path: Word; pairs: Pair[] }[] = [];
  let functions = 0;
  for (const entry of entries(text, file)) {
    const section = sections.at(-1);
    if (!patch) {
      checkPath(entry, `${ABSOLUTE_PATH}: that of the patch .so`);
      patch = entry;
    } else if (entry.text.startsWith('@')) {
      const path = part(file, entry, 1);
      checkPath(path, `${ABSOLUTE_PATH} after @`);
      if (sections.length === LIMIT.targets) throw tooMany(path, `${LIMIT.targets} targets`);
      sections.push({ path, pairs: [] });
    } else if (section) {
      if (functions++ === LIMIT.functions) throw tooMany(entry, `${LIMIT.functions} functions`);
      section.pairs.push(parsePair(file, entry));
    } else throw syntax(entry, '@ and the path of a target library', quote(entry.text));
  }
  const end = word(file, countLines(text), 1, '');
  if (!patch) throw syntax(end, 'the path of the patch .so', 'the end of the file');
  if (sections.length === 0)
    throw syntax(end, '@ and the path of a target library', 'the end of the file');
  for (const { path, pairs } of sections)
    if (pairs.length === 0) throw syntax(path, 'at least one OLD:NEW below the target', 'none');
  return { patch, sections };
}

function parsePair(file: string, entry: Word): Pair {
  const [oldText = '', newText, extra] = entry.text.split(':');
  if (newText === undefined) throw syntax(entry, 'OLD:NEW', quote(entry.text));
  const added = part(file, entry, oldText.length + 1, newText);
  if (extra !== undefined)
    throw syntax(part(file, entry, oldText.length + newText.length + 1), 'one colon', 'another');
  const old = part(file, entry, 0, oldText);
  const [, name = '', at, version] = /^([^@]*)(?:(@@?)(.*))?$/s.exec(oldText) ?? [];
  checkName(old, name, 'the name of the old function');
  if (version !== undefined)
    checkName(
      part(file, entry, name.length + (at?.length ?? 0), version),
      version,
      'a symbol version after @',
    );
  checkName(added, newText, 'the name of the new function');
  return {
    old: {
      ...old,
      name,
      isDefault: at === '@@',
      ...(version === undefined ? {} : { version }),
    },
    new: added,
  };
}

function checkPath(path: Word, expected: string): void {
  if (!isPath(path.text)) throw syntax(path, expected, quote(path.text));
}

/** @param name what the word is, or the part of it that is checked */
function checkName(at: Word, name: string, what: string): void {
  if (name === '') throw syntax(at, what, 'nothing');
  if (!isName(name)) throw syntax(at, `${what}, at most ${NAME_BYTES} bytes`, quote(name));
  const bad = /[\s@]/.exec(name);
  if (bad)
    throw syntax(at, `${what}, without ${bad[0] === '@' ? '@' : 'white space'}`, quote(name));
}

function decode(bytes: Uint8Array, file: string): string {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.subarray(0, 3).equals(Buffer.from('\ufeff')))
    throw syntax(word(file, 1, 1, ''), 'UTF-8 without a byte order mark', 'a byte order mark');
  if (!isUtf8(data)) throw syntax(firstInvalid(data, file), 'UTF-8', 'bytes that are not');
  return data.toString();
}

/**
 * The lines that are neither blank nor comments, without the white space at their ends: one at a
 * time, since a file has millions.
 */
function* entries(text: string, file: string): Generator<Word> {
  let number = 0;
  for (let at = 0, end = 0; end >= 0; at = end + 1) {
    end = text.indexOf('\n', at);
    number++;
    const line = text.slice(at, end < 0 ? undefined : end).trimEnd();
    const control = /[\0-\x08\x0b-\x1f\x7f]/.exec(line);
    if (control)
      throw syntax(
        part(file, word(file, number, 1, line), control.index),
        'text',
        quote(control[0]),
      );
    if (/^\s/.test(line))
      throw syntax(
        word(file, number, 1, line),
        'an entry or ! at the start of the line',
        'white space',
      );
    if (line !== '' && !line.startsWith('!')) yield word(file, number, 1, line);
  }
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** Where the first bytes stand that are not UTF-8. */
function firstInvalid(data: Buffer, file: string): Word {
  let line = 1;
  for (let at = 0; ; line++) {
    const end = data.indexOf(0x0a, at);
    const raw = data.subarray(at, end < 0 ? undefined : end);
    if (!isUtf8(raw)) {
      const valid = raw.toString().indexOf('\ufffd');
      return word(file, line, [...raw.toString().slice(0, valid)].length + 1, '');
    }
    at = end + 1;
  }
}

const word = (file: string, line: number, column: number, text: string): Word => ({
  text,
  line,
  where: `${file}:${line}:${column}`,
});

/** A part of a line. @param from index in the line's text, in UTF-16 units */
const part = (file: string, { text, line }: Word, from: number, own = text.slice(from)): Word =>
  word(file, line, [...text.slice(0, from)].length + 1, own);

const quote = (text: string): string => `'${text.length > 200 ? `${text.slice(0, 200)}…` : text}'`;

const tooMany = (at: Word, most: string): UlpError =>
  new UlpError('description-content', {
    subject: at.where,
    expected: `at most ${most}`,
    found: 'more',
  });

const syntax = (at: Word, expected: string, found: string): UlpError =>
  new UlpError('description-syntax', { subject: at.where, expected, found });
