/** Debian packages: what a tool is built from and with. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.mjs';

function isInstalled(name) {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], {
    encoding: 'utf8',
  });
  return status === 0 && stdout === 'installed';
}

/** @throws Failure that names what is missing and how it is got */
export function requirePackages(tool, names) {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const noun = missing.length === 1 ? 'Debian package' : 'Debian packages';
  throw new Failure(
    `${tool}: ${noun} missing: ${missing.join(', ')}; as root: apt-get install ${missing.join(' ')}`,
    2,
  );
}

/**
 * The source archive that a package has put into a folder.
 * @param {{folder: string, name: RegExp, version: string}} archive version: that the series is for
 */
export function findArchive(tool, { folder, name, version }) {
  const found = existsSync(folder) ? readdirSync(folder).filter((file) => name.test(file)) : [];
  const wanted = found.find((file) => name.exec(file)[1] === version);
  if (wanted === undefined)
    throw new Failure(
      `${tool}: ${folder}: expected the source of version ${version}, found ${found.join(', ') || 'none'}`,
      2,
    );
  return join(folder, wanted);
}
