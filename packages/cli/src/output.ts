/**
 * What a command says: JSON documents, tables and lines on standard output, messages on standard
 * error.
 */
import { writeSync } from 'node:fs';
import { EXIT, printable, printableJson, sleep, UlpError } from '@ulp/core';

const STDOUT = 1;
const STDERR = 2;

/**
 * Text for standard output, all of it. `ulp-inspect | head` ends quietly.
 * @throws UlpError file-io (disk full)
 */
export function write(text: string): void {
  try {
    writeAll(STDOUT, text);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') process.exit(EXIT.done);
    throw new UlpError('file-io', { subject: 'standard output', found: code }, error);
  }
}

/** Text for standard error; where nobody can read it, it is lost. */
export function writeError(text: string): void {
  try {
    writeAll(STDERR, text);
  } catch {
    // The exit code still tells.
  }
}

/** Not by process.stdout, for which Node.js loads streams and sockets. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      // Somebody else made it non-blocking, and the reader is slow.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      sleep(1);
    }
  }
}

/** One JSON document, escaped as text is; bigints as decimal strings are the caller's business. */
export function printJson(document: {
  readonly schema: string;
  readonly [key: string]: unknown;
}): void {
  write(`${printableJson(JSON.stringify(document, undefined, 2))}\n`);
}

/** Text of our own, a line. */
export function print(line = ''): void {
  write(`${line}\n`);
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
