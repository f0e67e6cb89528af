/** The library, the program and the patches of the soak, in a folder of their own for each run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, room, tool } from '../lib.mjs';

/** All replace f and g; `h`: h too; `upon`: the patch that has to be there first. */
const PATCHES = [
  { n: 2, h: false },
  { n: 3, h: true },
  { n: 4, h: false },
  { n: 5, h: true, upon: 2 },
];

/** @param leak patches lose memory, for the report to find it */
export function build({ leak }) {
  const folder = join(room, `soak-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const gcc = (source, out, ...args) =>
    execFileSync(
      'gcc',
      ['-O2', '-Wall', '-Wextra', '-Werror', join(import.meta.dirname, source), '-o', out, ...args],
      { stdio: 'inherit' },
    );
  const flags = (what) => tool('ulp-runtime', what).split(' ');
  const library = join(folder, 'libsoak.so');
  // The soname sees to it that no other run has a library with this build-id, which ulp-dispatcher
  // would patch.
  const soname = `-Wl,-soname,libsoak-${process.pid}-${Date.now()}.so`;
  const shared = ['-shared', '-fPIC'];
  gcc('library.c', library, ...shared, soname, ...flags('cflags'), ...flags('ldflags'));
  tool('ulp-dynsym-gate', library);
  execFileSync('ln', ['-s', 'libsoak.so', join(folder, soname.split(',')[2])]);
  const program = join(folder, 'program');
  gcc('program.c', program, library, `-Wl,-rpath,${folder}`, '-pthread');

  const patches = new Map();
  for (const { n, h, upon } of PATCHES) {
    const so = join(folder, `patch${n}.so`);
    gcc('patch.c', so, ...shared, '-Wl,--build-id', `-DN=${n}`, ...(leak ? ['-DLEAK'] : []));
    const pairs = (h ? ['f', 'g', 'h'] : ['f', 'g']).map((f) => `soak_${f}:new_${f}`);
    const description = join(folder, `patch${n}.dsc`);
    writeFileSync(description, [so, `@${library}`, ...pairs, ''].join('\n'));
    const file = join(folder, `patch${n}.ulp`);
    const depends = upon ? ['--depends', patches.get(upon).file] : [];
    execFileSync(bin('ulp-packer'), [description, '-o', file, ...depends], { stdio: 'inherit' });
    patches.set(n, { n, h, upon, file });
  }
  return { folder, program, patches };
}
