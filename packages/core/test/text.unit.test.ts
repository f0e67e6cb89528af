/** What comes from elsewhere is printed so that it draws nothing and turns nothing round. */
import { printable, printableJson } from '../src';

const DRAWS = '\x00\x07\x1b[2J\x7f\x80\x9b31m\u061c\u200e\u2028\u2029\u202e\u2066\u2069\ufeff';
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

test('text', () => {
  expect(printable('a\\b é 漢')).toBe('a\\\\b é 漢');
  expect(printable('\x1b\x9b\u202e\n')).toBe('\\x1b\\x9b\\u202e\\x0a');
  expect(printable(DRAWS)).not.toMatch(HARMFUL);
});

test('JSON: the same document, and nothing in it draws', () => {
  const document = { [DRAWS]: [DRAWS, 'a\\b é 漢'] };
  const text = printableJson(JSON.stringify(document));
  expect(text).not.toMatch(HARMFUL);
  expect(JSON.parse(text)).toEqual(document);
});
