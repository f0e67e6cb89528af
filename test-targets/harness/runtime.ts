/**
 * A runtime of its own for a test: built from a copy of its sources, which may be altered before.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TARGETS } from './build';
import { outputOf } from './programs.cjs';

const RUNTIME = join(TARGETS, '../runtime');

export interface OwnRuntime {
  readonly library: string;
  readonly trm: string;
}

/** @param abi version that it has instead of the real one */
export function buildRuntime(room: string, abi: number): OwnRuntime {
  mkdirSync(join(room, 'build'), { recursive: true });
  cpSync(join(RUNTIME, 'src'), join(room, 'src'), { recursive: true });
  cpSync(join(RUNTIME, 'build.mjs'), join(room, 'build.mjs'));
  const header = readFileSync(join(RUNTIME, 'build/ulp_abi.h'), 'utf8')
    .replace(/ULP_ABI_VERSION 0x\w+/, `ULP_ABI_VERSION ${abi}`)
    .replaceAll(/(__ulp_\w+)_abi\d+/g, `$1_abi${abi}`);
  writeFileSync(join(room, 'build/ulp_abi.h'), header);
  outputOf('node', [join(room, 'build.mjs')], { stdio: ['ignore', 'inherit', 'inherit'] });
  return { library: join(room, 'dist/libpulp.so'), trm: join(room, 'dist/trm.o') };
}
