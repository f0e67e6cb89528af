/**
 * Makes a checkout ready to run: installs when the lock file is newer than the install, then
 * builds.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const root = dirname(import.meta.dirname);

/**
 * Runs a command in the root with its output shown; ends this process with its code when it fails.
 */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const modified = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** @param quiet show the build's output only when it fails */
export function prepare({ quiet = false } = {}) {
  // npm writes this file at the end of every install.
  if (modified('node_modules/.package-lock.json') < modified('package-lock.json'))
    run(
      'npm',
      ['ci', '--no-audit', '--no-fund'],
      quiet ? { stdio: ['ignore', 'ignore', 'inherit'] } : {},
    );
  const build = spawnSync('npm', ['run', 'build', '--silent'], {
    cwd: root,
    stdio: quiet ? 'pipe' : 'inherit',
    encoding: 'utf8',
  });
  if (build.status === 0) return;
  if (quiet) process.stderr.write(`${build.stdout}${build.stderr}`);
  process.exit(build.status ?? 1);
}
