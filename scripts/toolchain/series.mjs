/**
 * Brings a source tree into the state "as unpacked, plus this series of patches", and touches only
 * files whose content differs from what it is now: so make(1) compiles what a changed patch has
 * changed, and nothing else.
 *
 *   originals/FILE        a file as it was unpacked, kept before the first patch touches it
 *   originals.json        names of all files that a series ever touched; those without an original
 *                         are the series' own
 *   stage/                where the series is applied, to copies of the originals
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from './failure.mjs';

/** The patches of a folder, in the order of its file `series`. */
export function readSeries(folder) {
  return readFileSync(join(folder, 'series'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((name) => name !== '')
    .map((name) => ({
      name,
      path: join(folder, name),
      text: readFileSync(join(folder, name), 'utf8'),
    }));
}

/**
 * Files that a patch in the format of diff -u or git names, without the first component of their
 * path.
 */
function filesOf(text) {
  const pairs = [...text.matchAll(/^--- ([^\t\n]+)[^\n]*\n\+\+\+ ([^\t\n]+)/gm)];
  const names = pairs.flatMap(([, from, to]) => [from, to]).filter((name) => name !== '/dev/null');
  return [...new Set(names.map((name) => name.replace(/^[^/]*\//, '')))];
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.part`);
  renameSync(`${to}.part`, to);
}

const same = (a, b) => existsSync(b) && readFileSync(a).equals(readFileSync(b));

/** @param {{tool: string, room: string, tree: string, series: ReturnType<typeof readSeries>}} of */
export function applySeries({ tool, room, tree, series }) {
  const originals = join(room, 'originals');
  const list = join(room, 'originals.json');
  const before = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];
  const files = [...new Set([...before, ...series.flatMap(({ text }) => filesOf(text))])];
  for (const file of files)
    if (!before.includes(file) && existsSync(join(tree, file)))
      copy(join(tree, file), join(originals, file));
  // From here on a file without an original counts as the series' own.
  writeFileSync(`${list}.part`, JSON.stringify(files, undefined, 1));
  renameSync(`${list}.part`, list);

  const stage = join(room, 'stage');
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  for (const file of files)
    if (existsSync(join(originals, file))) copy(join(originals, file), join(stage, file));
  for (const patch of series) apply(tool, stage, patch);

  for (const file of files) {
    const made = join(stage, file);
    const there = join(tree, file);
    if (!existsSync(made)) rmSync(there, { force: true });
    else if (!same(made, there)) copy(made, there);
    else continue;
    if (existsSync(there) && file.endsWith('.sh')) keepExecutable(originals, file, there);
  }
  rmSync(stage, { recursive: true });
}

function keepExecutable(originals, file, there) {
  const original = join(originals, file);
  if (existsSync(original) && (statSync(original).mode & 0o100) !== 0)
    spawnSync('chmod', ['+x', there]);
}

function apply(tool, stage, { name, path }) {
  const { status, stdout, stderr, error } = spawnSync(
    'patch',
    ['-p1', '--batch', '--forward', '--no-backup-if-mismatch', '-i', path],
    { cwd: stage, encoding: 'utf8' },
  );
  if (error) throw new Failure(`${tool}: patch: ${error.message}`, 2);
  if (status !== 0)
    throw new Failure(
      `${tool}: ${name} does not apply to this source:\n${stdout}${stderr}`.trim(),
      2,
    );
}
