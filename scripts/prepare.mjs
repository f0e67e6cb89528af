/**
 * Makes a checkout ready to run: installs when the lock file is not that of the install, and builds
 * when the sources are not those of the last build.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CACHE, Stamp, stateOf } from './state.mjs';

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

/** Folders of the packages, in the repository. */
export const packageFolders = [
  'runtime',
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`),
];

/** What a build is made of: the packages, what builds them, and what is installed. */
const SOURCES = [
  ...packageFolders,
  ...['bundle', 'code-cache', 'assert-when-needed', 'generate-abi'].map((n) => `scripts/${n}.mjs`),
  ...['scripts/loader.cjs', 'toolchain-patches', 'package-lock.json', 'tsconfig.base.json'],
].map((name) => join(root, name));

/** Is what a build makes still there? */
const isComplete = () =>
  packageFolders.every((name) => {
    const folder = join(root, name);
    const { main, bin = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const bundles = Object.keys(bin).map((name) => `dist/bin/${name}.bundle.js`);
    return [main, ...bundles].every((file) => existsSync(join(folder, file)));
  }) && ['libpulp.so', 'trm.o'].every((file) => existsSync(join(root, 'runtime/dist', file)));

/** @param quiet show the build's output only when it fails */
function build(quiet) {
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build', '--silent'], {
    cwd: root,
    stdio: quiet ? 'pipe' : 'inherit',
    encoding: 'utf8',
  });
  if (status === 0) return;
  if (quiet) process.stderr.write(`${stdout}${stderr}`);
  process.exit(status ?? 1);
}

/** What the lock file says, if that is not what is installed. */
export function install({ quiet = false } = {}) {
  const stamp = new Stamp(join(CACHE, 'installed.json'));
  const state = stateOf([join(root, 'package-lock.json')]);
  if (stamp.read()?.state === state) return;
  // npm writes the first file at the end of every install.
  if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
    const stdio = quiet ? ['ignore', 'ignore', 'inherit'] : 'inherit';
    run('npm', ['ci', '--no-audit', '--no-fund'], { stdio });
  }
  stamp.write({ state });
}

/** @param quiet show the build's output only when it fails */
export function prepare({ quiet = false } = {}) {
  install({ quiet });
  const stamp = new Stamp(join(CACHE, 'built.json'));
  const state = stateOf(SOURCES);
  if (stamp.read()?.state === state && isComplete()) return;
  build(quiet);
  stamp.write({ state });
}
