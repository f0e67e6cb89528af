#!/usr/bin/env node
/**
 * `npm run toolchain -- ld`: builds a tool of the patched toolchain from its Debian source package
 * and the series of toolchain-patches/, and installs it where `ulp-runtime` finds it.
 * docs/toolchain.md tells what it is good for. Exit codes: 0 built, or nothing to do; 2 usage, a
 * missing package, another source; 70 the build failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './prepare.mjs';
import { Failure } from './toolchain/failure.mjs';
import { TOOLS } from './toolchain/tools.mjs';
import { build } from './toolchain/workshop.mjs';

/** Where everything is built. */
export const FOLDER = join(root, 'build/toolchain');

/** Where the toolchain is installed. The same rule: runtime/src/toolchain.ts. */
export function toolchainPrefix(env = process.env) {
  if (env.ULP_TOOLCHAIN) return resolve(env.ULP_TOOLCHAIN);
  return join(env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'ulp/toolchain');
}

const names = Object.keys(TOOLS);
const usage = `usage: npm run toolchain -- ${names.join('|')}...

Builds in build/toolchain, installs to ${toolchainPrefix()} ($ULP_TOOLCHAIN).

${names.map((name) => `  ${name.padEnd(8)}${TOOLS[name].summary}`).join('\n')}

  npm run toolchain -- ld        then link with $(ulp-runtime ldflags --toolchain)`;

/**
 * One build at a time in this checkout: this very command again, with the lock, which its children
 * inherit.
 */
export function alone() {
  if (process.env.ULP_TOOLCHAIN_LOCKED === FOLDER) return;
  mkdirSync(FOLDER, { recursive: true });
  const args = [join(FOLDER, 'lock'), process.execPath, ...process.argv.slice(1)];
  const { status, signal } = spawnSync('flock', args, {
    stdio: 'inherit',
    env: { ...process.env, ULP_TOOLCHAIN_LOCKED: FOLDER },
  });
  process.exit(status ?? (signal === 'SIGINT' ? 130 : 70));
}

async function main(args) {
  if (args.includes('--help')) return console.log(usage);
  const unknown = args.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Failure(`${unknown[0]}: no such tool; expected ${names.join(', ')}`, 2);
  if (args.length === 0) throw new Failure(usage, 2);
  alone();
  const prefix = toolchainPrefix();
  for (const name of args) {
    const patches = join(root, 'toolchain-patches');
    const changed = await build(TOOLS[name], { build: FOLDER, prefix, patches });
    console.log(`${name}: ${changed ? 'installed in' : 'up to date in'} ${prefix}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`toolchain: ${error.message}`);
    if (error.code === 70) console.error('toolchain: report this as an issue of the repository');
    process.exitCode = error.code;
  }
}
