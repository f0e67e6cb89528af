#!/usr/bin/env node
/**
 * The toolchains that a live-patchable library can be built with. `node scripts/toolchains.mjs
 * NAME` prints one (JSON); without NAME, each and what it lacks.
 *
 *   stock      the machine's gcc and ld; ulp-dynsym-gate behind them
 *   plugin     the machine's gcc with our plugin, the machine's ld; ulp-dynsym-gate
 *   ld         the machine's gcc, the patched ld
 *   plugin-ld  the machine's gcc with our plugin, the patched ld
 *   gcc        the patched gcc, the patched ld
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './prepare.mjs';

/**
 * Options of ulp-runtime, and whether ulp-dynsym-gate follows; the harness of the suite reads them
 * too.
 */
const USES = JSON.parse(readFileSync(join(root, 'test-targets/harness/toolchains.json'), 'utf8'));

export const TOOLCHAINS = Object.keys(USES);

function words(what, options) {
  const bin = join(root, 'node_modules/.bin/ulp-runtime');
  const { status, stdout, stderr } = spawnSync(bin, [what, ...options], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim());
  return stdout.trim().split(/\s+/);
}

/**
 * @returns {{ name: string, gate: boolean, cflags: string[], ldflags: string[], missing?: string }}
 *   `missing` says why it cannot be used here
 */
export function toolchain(name) {
  const uses = USES[name];
  if (!uses) throw new Error(`no such toolchain: ${name}; there are ${TOOLCHAINS.join(', ')}`);
  const { gate } = uses;
  try {
    const cflags = words('cflags', uses.cflags);
    return { name, gate, cflags, ldflags: words('ldflags', uses.ldflags) };
  } catch (error) {
    return { name, gate, cflags: [], ldflags: [], missing: error.message };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  if (names.length > 0) console.log(JSON.stringify(toolchain(names[0])));
  else
    for (const name of TOOLCHAINS) console.log(`${name}: ${toolchain(name).missing ?? 'is there'}`);
}
