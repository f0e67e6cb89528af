/** Data for standard output: JSON documents, tables; progress on a terminal. */
import { printable, printableJson } from '@ulp/core';

/** One JSON document, escaped as text is; bigints as decimal strings are the caller's business. */
export function printJson(document: {
  readonly schema: string;
  readonly [key: string]: unknown;
}): void {
  process.stdout.write(`${printableJson(JSON.stringify(document, undefined, 2))}\n`);
}

/** Text of our own, a line. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** A table without borders; cells are escaped. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const cells = [head, ...rows.map((row) => row.map(printable))];
  const width = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  for (const row of cells)
    print(
      row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(width[i] ?? 0))).join('  '),
    );
}
