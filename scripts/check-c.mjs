#!/usr/bin/env node
/**
 * Guards for C, C++ and assembly, which neither eslint nor prettier reads:
 * `node scripts/check-c.mjs [--write]`. clang-format would change nothing (with --write it does),
 * and no line has more than 100 columns.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clangFormatPath } from 'clang-format-node';

const root = join(import.meta.dirname, '..');
const COLUMNS = 100;

/** The sources of the repository, also those that are not committed yet. */
const listed = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.c', '*.h', '*.cc', '*.S'],
  { cwd: root, encoding: 'utf8' },
);
const sources = [...new Set(listed.split('\0'))].filter((name) => name !== '');

const formatted = spawnSync(
  clangFormatPath,
  [
    ...(process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror']),
    ...sources.filter((name) => !name.endsWith('.S')),
  ],
  { cwd: root, stdio: 'inherit' },
);

const wide = sources.flatMap((name) =>
  readFileSync(join(root, name), 'utf8')
    .split('\n')
    .map((line, i) => ({ columns: [...line].length, where: `${name}:${i + 1}` }))
    .filter(({ columns }) => columns > COLUMNS),
);
for (const { columns, where } of wide)
  console.error(`${where}: expected at most ${COLUMNS} columns, found ${columns}`);
process.exitCode = formatted.status === 0 && wide.length === 0 ? 0 : 1;
