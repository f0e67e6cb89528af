/**
 * Makes text of foreign origin (paths, symbols, command lines of other processes) safe to print:
 * C0 and C1 control characters, DEL, line separators and bidirectional overrides become \xNN or
 * \uNNNN.
 */
// The control characters are the very thing to be matched.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\\]/g;
const UNSAFE_IN_JSON =
  /[\u007f-\u009f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * JSON.stringify escapes only C0: in its text the others are written as \uNNNN, which means the
 * same.
 */
export const printableJson = (json: string): string =>
  json.replace(UNSAFE_IN_JSON, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => {
    if (c === '\\') return '\\\\';
    const code = c.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** `0x`-prefixed hexadecimal, as addresses and flags are printed everywhere. */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
