/** Debian packages that the suite needs beyond gcc and Node.js; each line of the lists says why. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './prepare.mjs';

const LISTS = ['scripts/debian-packages.txt', 'test-targets/debian-packages.txt'];

const listed = () =>
  LISTS.map((file) => join(root, file))
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((name) => name !== '');

function isInstalled(name) {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], {
    encoding: 'utf8',
  });
  return status === 0 && stdout === 'installed';
}

/** Installs what is missing; as another user than root, says what is missing and ends. */
export function installDebianPackages() {
  const missing = listed().filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  if (process.getuid() !== 0) {
    console.error(`Missing Debian packages; as root: apt-get install ${missing.join(' ')}`);
    process.exit(2);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['-q', 'update'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  run('apt-get', ['-qy', 'install', '--no-install-recommends', ...missing], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
  });
}
