import { EXIT, isUlpError, printable, UlpError } from '../src';

test('an error states subject, fact, expected and found, and knows its exit code', () => {
  const error = new UlpError('build-id-mismatch', {
    subject: 'libx.so',
    expected: 'aa',
    found: 'bb',
    detail: 'rebuild the patch',
  });
  expect(error.message).toBe(
    'libx.so: the build-id differs: expected aa, found bb (rebuild the patch)',
  );
  expect(error.exitCode).toBe(EXIT.refused);
  expect(isUlpError(error)).toBe(true);
  expect(isUlpError(new Error('x'))).toBe(false);
});

test('foreign text cannot speak to the terminal', () => {
  expect(printable('a\x1b[31mb\n')).toBe('a\\x1b[31mb\\x0a');
  expect(printable('\u009b31m\u202e\\')).toBe('\\x9b31m\\u202e\\\\');
  expect(new UlpError('file-missing', { subject: '\x07' }).message).toBe('\\x07: no such file');
});
