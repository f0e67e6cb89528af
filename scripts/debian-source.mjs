/**
 * Fetches and unpacks a Debian source package, with the sources that this machine's apt already
 * has, and with lists and caches of our own: nothing on the system is changed, root is not needed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';

/** The machine's package sources with `deb` turned into `deb-src`, in either of apt's formats. */
function writeSources(folder) {
  const parts = join(folder, 'sources.list.d');
  rmSync(parts, { recursive: true, force: true });
  mkdirSync(parts, { recursive: true });
  const files = ['/etc/apt/sources.list'];
  for (const name of readdirSync('/etc/apt/sources.list.d'))
    if (/\.(list|sources)$/.test(name)) files.push(join('/etc/apt/sources.list.d', name));
  for (const file of files.filter((name) => existsSync(name))) {
    const text = readFileSync(file, 'utf8')
      .replace(/^deb\s/gm, 'deb-src ')
      .replace(/^Types:.*$/gm, 'Types: deb-src');
    writeFileSync(join(parts, basename(file)), text);
  }
  return parts;
}

function aptOptions(folder) {
  const parts = writeSources(folder);
  for (const name of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, name), { recursive: true });
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': parts,
    'APT::Sandbox::User': '',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/**
 * The newest version that can be had: a mirror may list one that it does not carry (yet, or any
 * more).
 */
function download(name, options, folder) {
  const records = execFileSync('apt-cache', [...options, 'showsrc', '--only-source', name], {
    encoding: 'utf8',
  });
  const versions = [...records.matchAll(/^Version: (.*)$/gm)].map(([, version]) => version);
  versions.sort((a, b) =>
    spawnSync('dpkg', ['--compare-versions', a, 'gt', b]).status === 0 ? -1 : 1,
  );
  for (const version of versions) {
    const request = ['-qq', 'source', '--download-only', `${name}=${version}`];
    const { status } = spawnSync('apt-get', [...options, ...request], {
      cwd: folder,
      stdio: 'ignore',
    });
    if (status === 0) return;
  }
  throw new Error(
    `no source of ${name} can be had; tried: ${versions.join(', ') || 'none listed'}`,
  );
}

/**
 * The unpacked source tree of a package, with Debian's patches applied; `folder` keeps it for the
 * next time.
 * @param {string} name source package
 * @param {string} folder where to work
 */
export function debianSource(name, folder) {
  const tree = join(folder, name);
  if (existsSync(tree)) return tree;
  const work = join(folder, `${name}.part`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const options = aptOptions(join(folder, 'apt'));
  const stdio = ['ignore', 'ignore', 'inherit'];
  execFileSync('apt-get', [...options, '-qq', 'update'], { stdio });
  download(name, options, work);
  const dsc = readdirSync(work).find((file) => file.endsWith('.dsc'));
  execFileSync('dpkg-source', ['--no-check', '-x', dsc, 'tree'], { cwd: work, stdio });
  renameSync(join(work, 'tree'), tree);
  rmSync(work, { recursive: true });
  return tree;
}
