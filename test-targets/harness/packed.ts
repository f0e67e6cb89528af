/** The packages as `npm pack` makes them, since nothing is published. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from './programs.cjs';
import { LONG_MS } from './wait.cjs';

const ROOT = join(__dirname, '../..');

export const FOLDERS: Readonly<Record<string, string>> = {
  core: 'packages/core',
  elf: 'packages/elf',
  metadata: 'packages/metadata',
  packer: 'packages/packer',
  'ptrace-ffi': 'packages/ptrace-ffi',
  trigger: 'packages/trigger',
  dispatcher: 'packages/dispatcher',
  runtime: 'runtime',
};

export interface Manifest {
  readonly version: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}
export const manifest = (name: string): Manifest =>
  JSON.parse(readFileSync(join(ROOT, FOLDERS[name] ?? '', 'package.json'), 'utf8')) as Manifest;

/** Our packages that these need, themselves included. */
export function closure(...names: string[]): string[] {
  const seen = new Set(names);
  for (const name of seen)
    for (const dependency of Object.keys(manifest(name).dependencies ?? {}))
      if (dependency.startsWith('@ulp/')) seen.add(dependency.slice('@ulp/'.length));
  return [...seen];
}

/** Packs all of them into `room`. */
export function packAll(room: string): void {
  const workspaces = Object.keys(FOLDERS).flatMap((name) => ['-w', `@ulp/${name}`]);
  outputOf('npm', ['pack', '--silent', '--pack-destination', room, ...workspaces], {
    cwd: ROOT,
    timeout: LONG_MS,
  });
}

export const tarball = (name: string): string => `ulp-${name}-${manifest(name).version}.tgz`;
