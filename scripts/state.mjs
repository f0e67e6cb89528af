/**
 * What is made from files is made again only when they have changed: a hash of all that it was made
 * of is kept beside the caches of the other tools.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Goes with an install, which may bring other tools. */
export const CACHE = join(import.meta.dirname, '../node_modules/.cache/ulp');

/** Folders below a package that hold what is made, or what nothing is made of. */
const LEFT_OUT = new Set(['node_modules', 'dist', 'build', 'test']);

/** The files below a folder, or the file itself; always in the same order. */
function files(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !LEFT_OUT.has(name) && !name.endsWith('.tsbuildinfo'))
    .sort()
    .flatMap((name) => files(join(path, name)));
}

/**
 * A hash of the names and contents of these files, of all that lies in these folders, and of the
 * version of Node.js. What does not exist is left out.
 * @param {readonly string[]} paths absolute paths
 */
export function stateOf(paths) {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths.flatMap(files)) hash.update(`\0${path}\0`).update(readFileSync(path));
  return hash.digest('hex');
}

/** A JSON document that a later run finds. */
export class Stamp {
  constructor(file) {
    this.file = file;
  }

  /** @returns undefined when there is none, or none that can be read */
  read() {
    try {
      return JSON.parse(readFileSync(this.file, 'utf8'));
    } catch {
      return undefined;
    }
  }

  write(document) {
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(this.file, JSON.stringify(document));
  }
}
