/**
 * Where `npm run toolchain` has put the patched tools. The same rule as in scripts/toolchain.mjs.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { UlpError } from '@ulp/core';

/** $ULP_TOOLCHAIN, or ulp/toolchain in the user's data folder ($XDG_DATA_HOME). */
export function toolchainPrefix(env: NodeJS.ProcessEnv = process.env): string {
  if (env.ULP_TOOLCHAIN) return resolve(env.ULP_TOOLCHAIN);
  return join(env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'ulp/toolchain');
}

/**
 * Absolute path of a file that a tool of the toolchain has installed.
 * @throws UlpError file-missing when it was not built
 */
export function toolchainFile(tool: string, file: string): string {
  const path = join(toolchainPrefix(), file);
  if (existsSync(path)) return path;
  throw new UlpError('file-missing', {
    subject: path,
    detail: `built by: npm run toolchain -- ${tool}`,
  });
}
