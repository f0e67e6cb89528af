/** Where the runtime's files lie, and the flags with which a library is made live-patchable. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UlpError } from '@ulp/core';
import { toolchainFile } from './toolchain';

export { toolchainFile, toolchainPrefix } from './toolchain';

const GCC_SPECS = 'gcc/live-patchable.specs';

export const RUNTIME_FILES = ['libpulp.so', 'trm.o'] as const;
export type RuntimeFile = (typeof RUNTIME_FILES)[number];

/**
 * Absolute path of a file of the runtime, for LD_PRELOAD and link lines.
 * @throws UlpError file-missing when the package was not built
 */
export function runtimePath(file: RuntimeFile): string {
  const path = join(__dirname, file);
  if (existsSync(path)) return path;
  throw new UlpError('file-missing', { subject: path, detail: 'the package is not built' });
}

/**
 * Flags for the stock gcc. The padding holds the trampoline and the detour. -flive-patching keeps
 * gcc from drawing conclusions about a function's body in its callers (which registers it leaves
 * alone, that it is pure), which would not hold for the function that replaces it; see gcc(1).
 */
export const cflags: readonly string[] = [
  '-fpatchable-function-entry=98,96',
  '-flive-patching=inline-clone',
];

/** What to add to the link of a live-patchable library. */
export const ldflags = (): readonly string[] => [runtimePath('trm.o'), '-Wl,--build-id'];

/**
 * The same entries, each one instruction that never straddles, and a record each: by a plugin of
 * the stock gcc.
 */
export const pluginCflags = (): readonly string[] => [
  `-fplugin=${toolchainFile('plugin', 'plugin/ulp_plugin.so')}`,
  ...cflags,
];

/** Where gcc finds our compilers; it takes the option that only they know from the specs. */
const compilers = (file: string): readonly string[] => [`-B${dirname(file)}/`, `-specs=${file}`];

/** The patched gcc's, which also notes what is inlined into what. */
export const toolchainCflags = (): readonly string[] => [
  ...compilers(toolchainFile('gcc', GCC_SPECS)),
  '-mlive-patchable',
];

/**
 * ldflags with our ld, which does what ulp-dynsym-gate does. Compilers come with the cflags alone:
 * gcc(1) wants them at a link with -flto as well, and in one command with those of the plugin,
 * another compiler would be run.
 */
export const toolchainLdflags = (): readonly string[] => [
  ...ldflags(),
  `-B${dirname(toolchainFile('ld', 'bin/ld'))}/`,
];
