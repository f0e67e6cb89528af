/**
 * What tests compile is kept under a hash of all that goes into it, and shared by every test that
 * asks for the same. test-targets/build/cache/KEY/HEADERS holds the output and the list of the
 * headers that gcc has read. Entries are made aside, put in place whole, and never changed, so that
 * several processes may use the cache at once.
 */
import { createHash } from 'node:crypto';
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { needProgram, outputOf } from './programs.cjs';

const CACHE = join(__dirname, '../build/cache');
/** An entry that no test has asked for in this time is removed. */
const KEPT_MS = 7 * 24 * 60 * 60_000;

export interface Recipe {
  /** gcc or g++. */
  readonly compiler: string;
  /** All but where the output goes. */
  readonly args: readonly string[];
  /** The scratch directory of the test, which stands in arguments and makes no difference. */
  readonly scratch: string;
  /** What else decides: the files of the tools that work on the output afterwards. */
  readonly tools?: readonly string[];
  /** Works on the output in place. */
  readonly finish?: (file: string) => void;
}

const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** Hashes of the files that were asked for, as long as they have the same inode, size and times. */
const known = new Map<string, string>();

function hashOf(path: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(path);
  const state = [path, ino, size, mtimeMs, ctimeMs].join();
  const found = known.get(state) ?? sha256(readFileSync(path));
  known.set(state, found);
  return found;
}

/** Of a folder that -B names: the tools in it, by size and time of the last change. */
const stateOfFolder = (path: string): string =>
  readdirSync(path)
    .sort()
    .map((name) => {
      const { size, mtimeMs } = statSync(join(path, name));
      return `${name} ${size} ${mtimeMs}`;
    })
    .join('\n');

/** What a path within an argument leads to; '' when it leads nowhere: its text alone counts. */
function contentOf(arg: string): string {
  const path = /(?:^|=|,|^-[BI])(\/[^,=]+)$/.exec(arg)?.[1];
  const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path === undefined || !stat) return '';
  if (stat.isFile()) return hashOf(path);
  // The headers that gcc has read are looked at one by one.
  return arg.startsWith('-B') ? stateOfFolder(path) : '';
}

/** Where the compiler lies, and its state: another version is another file. */
function identity(compiler: string): string {
  needProgram(compiler);
  const folders = (process.env.PATH ?? '').split(delimiter);
  const file = folders.map((folder) => join(folder, compiler)).find((path) => existsSync(path));
  const path = realpathSync(file ?? compiler);
  const { size, mtimeMs } = statSync(path);
  return `${path} ${size} ${mtimeMs}`;
}

/** Text that stands in place of the scratch directory. */
const HERE = '@scratch@';

/** Files that gcc has read, by the rules that it has written for make(1). */
const dependencies = (folder: string): string[] => [
  ...new Set(
    readdirSync(folder)
      .filter((name) => name.endsWith('.d'))
      .flatMap((name) =>
        readFileSync(join(folder, name), 'utf8')
          .replace(/\\\n/g, ' ')
          .replace(/^.*?: /, '')
          .trim()
          .split(/\s+/),
      ),
  ),
];

/** Is every header what it was when the entry was made? */
function isCurrent(entry: string, scratch: string): boolean {
  const headers = JSON.parse(readFileSync(join(entry, 'headers.json'), 'utf8')) as [
    string,
    string,
  ][];
  return headers.every(([path, hash]) => {
    const file = path.replace(HERE, scratch);
    return existsSync(file) && hashOf(file) === hash;
  });
}

let isPruned = false;

/** Removes, once in a program, what was not asked for lately and what a killed test has left. */
function prune(): void {
  if (isPruned) return;
  isPruned = true;
  for (const name of readdirSync(CACHE)) {
    const entry = join(CACHE, name);
    const stat = statSync(entry, { throwIfNoEntry: false });
    if (stat && Date.now() - stat.mtimeMs > KEPT_MS)
      rmSync(entry, { recursive: true, force: true });
  }
}

/** Builds aside. @returns the folder of the new entry, which is complete */
function make(place: string, { compiler, args, scratch, finish }: Recipe): string {
  mkdirSync(place, { recursive: true });
  prune();
  const part = mkdtempSync(join(CACHE, 'part-'));
  try {
    const file = join(part, 'out');
    outputOf(compiler, [...args, '-MMD', '-o', file]);
    finish?.(file);
    const headers = dependencies(part).map((path) => [path.replace(scratch, HERE), hashOf(path)]);
    const list = JSON.stringify(headers);
    writeFileSync(join(part, 'headers.json'), list);
    const entry = join(place, sha256(list));
    // Another test may have been faster: its output is as good.
    if (!existsSync(entry)) renameSync(part, entry);
    return entry;
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/**
 * Compiles, or finds what was compiled from the same inputs, and puts a copy of it to `out`.
 * @throws when the compiler or `finish` fails
 */
export function build(out: string, recipe: Recipe): void {
  const { compiler, args, scratch, tools = [] } = recipe;
  // A path in a macro is in the output, and the next test has another scratch directory.
  const text = (arg: string) => (arg.startsWith('-D') ? arg : arg.replaceAll(scratch, HERE));
  const inputs = args.map((arg) => [text(arg), contentOf(arg)]);
  const place = join(
    CACHE,
    sha256(JSON.stringify([identity(compiler), inputs, tools.map(hashOf)])),
  );
  const entries = existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : [];
  const entry = entries.find((e) => isCurrent(e, scratch)) ?? make(place, recipe);
  const now = new Date();
  utimesSync(place, now, now);
  // Another file, as a linker makes it: a process may have the old one mapped.
  rmSync(out, { force: true });
  copyFileSync(join(entry, 'out'), out, constants.COPYFILE_FICLONE);
}
