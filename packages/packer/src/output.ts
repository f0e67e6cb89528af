/** Where the metadata goes. */
import { statSync } from 'node:fs';
import { parse, join } from 'node:path';
import { UlpError } from '@ulp/core';

/** The description's name with .ulp in place of its extension; added if it has none. */
export function defaultOutput(description: string): string {
  const { dir, name } = parse(description);
  return join(dir, `${name}.ulp`);
}

/** @throws UlpError usage when the output is one of the files that were read */
export function checkOutput(output: string, inputs: readonly string[]): void {
  const identity = (path: string): string | undefined => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat && `${stat.dev}:${stat.ino}`;
  };
  const own = identity(output);
  const same = own === undefined ? undefined : inputs.find((input) => identity(input) === own);
  if (same !== undefined)
    throw new UlpError('usage', {
      subject: output,
      fact: 'the output would replace an input',
      found: same,
      detail: 'name another file with -o',
    });
}
