#!/usr/bin/env node
/**
 * What fixes of Debian change in the source, and what `ulp-packer --compare` says that they change
 * in the machine code: `node scripts/compare-fixes.mjs [--plain] [FIX...]` builds the libraries,
 * live-patchable or as Debian does, and prints a table.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { FIXES, fixedLibrary } from './fixed-library.mjs';
import { root } from './prepare.mjs';

const plain = process.argv.includes('--plain');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--plain');
const PACKER = join(root, 'packages/packer/bin/ulp-packer.js');

console.log(
  '| library | fix | changes in the source | in the machine code | line numbers only | the same |',
);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const entry of FIXES.filter(({ fix }) => wanted.length === 0 || wanted.includes(fix))) {
  const { old, fixed } = fixedLibrary(entry, { plain });
  const args = [PACKER, '--compare', old, fixed, '--json'];
  const { functions, data, same } = JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8' }),
  );
  const names = (change) =>
    [...functions, ...data]
      .filter((f) => f.change === change)
      .map(({ name }) => `\`${name}\``)
      .join(', ');
  const source = entry.source.map((name) => `\`${name}\``).join(', ');
  const row = [entry.library, entry.fix, source, names('changed'), names('numbers'), same];
  console.log(`| ${row.join(' | ')} |`);
}
