/**
 * Where one tool is built: build/toolchain/TOOL. Each step can be interrupted and done again:
 *
 *   source/      unpacked under another name, then renamed
 *   build/       configured; `configured` says with what, and is written last. make(1) goes on
 *                where it was
 *   installed    fingerprint of all that went into what lies at the prefix, written last
 */
import { spawn, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Failure } from './failure.mjs';
import { findArchive, requirePackages } from './packages.mjs';
import { progress } from './progress.mjs';
import { applySeries, readSeries } from './series.mjs';

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** Everything that decides what is installed. */
function fingerprint({ tool, prefix, archive, series }) {
  const hash = createHash('sha256');
  const source = archive && [archive, statSync(archive).size, statSync(archive).mtimeMs];
  // The functions' text: what is configured, made and installed.
  const how = Object.values(tool).map((value) => String(value));
  hash.update(
    JSON.stringify([prefix, source, how, tool.archive, series.map((p) => [p.name, p.text])]),
  );
  return hash.digest('hex');
}

/**
 * Builds and installs a tool, as far as that is not done.
 * @param tool an entry of tools.mjs
 * @param {{build: string, prefix: string, patches: string, force?: boolean}} places folders
 * @returns {Promise<boolean>} whether there was anything to do
 */
export async function build(tool, { build: folder, prefix, patches, force = false }) {
  requirePackages(tool.name, tool.packages);
  const archive = tool.archive && findArchive(tool.name, tool.archive);
  const series = tool.series ? readSeries(join(patches, tool.series)) : [];
  const room = join(folder, tool.name);
  const print = fingerprint({ tool, prefix, archive, series });
  const stamp = join(room, 'installed');
  const isThere = tool.installs.every((file) => existsSync(join(prefix, file)));
  if (!force && isThere && read(stamp) === print) return false;
  mkdirSync(room, { recursive: true });
  rmSync(stamp, { force: true });
  const shop = workshop({ tool, room, prefix, patches, archive, series });
  try {
    await tool.build(shop);
  } finally {
    shop.progress.done();
  }
  writeFileSync(stamp, print);
  return true;
}

function workshop({ tool, room, prefix, patches, archive, series }) {
  const log = join(room, 'log');
  writeFileSync(log, '');
  const tree = join(room, 'source');
  const objects = join(room, 'build');
  const show = progress(tool.name);

  /** @param {{cwd: string, env?: object, lines?: number}} options lines: of output to expect */
  async function run(command, args, { cwd, env = {}, lines = 0 }) {
    appendFileSync(log, `$ ${[command, ...args].join(' ')}\n`);
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, LC_ALL: 'C', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let seen = 0;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes) => {
        appendFileSync(log, bytes);
        for (const byte of bytes) if (byte === 10) seen++;
        if (lines > 0) show.at(seen / lines);
      });
    const status = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (status === 0) return;
    const tail = readFileSync(log, 'utf8').split('\n').slice(-25).join('\n');
    throw new Failure(`${tool.name}: ${command} failed; ${log} ends:\n${tail}`, 70);
  }

  return {
    room,
    prefix,
    patches,
    tree,
    objects,
    progress: show,
    run,

    /** What a command prints, as one line. */
    output: (command, args) => execFileSync(command, args, { encoding: 'utf8' }).trim(),

    /**
     * The source tree with the series applied.
     * @param {(tree: string) => Promise<void>} prepare what the distribution does to its source
     * before it builds it
     */
    async source(prepare = async () => {}) {
      if (!existsSync(tree)) {
        show.phase('unpacking');
        const part = join(room, 'source.part');
        rmSync(part, { recursive: true, force: true });
        for (const name of ['originals', 'originals.json', 'configured'])
          rmSync(join(room, name), { recursive: true, force: true });
        mkdirSync(part, { recursive: true });
        await run('tar', ['-xf', archive, '-C', part], { cwd: room });
        const [top] = readdirSync(part);
        await prepare(join(part, top));
        renameSync(join(part, top), tree);
        rmSync(part, { recursive: true });
      }
      show.phase('patching');
      applySeries({ tool: tool.name, room, tree, series });
    },

    /** @param {string[]} args of configure, without --prefix */
    async configure(args) {
      const stamp = join(room, 'configured');
      const all = [`--prefix=${prefix}`, ...args];
      if (read(stamp) === JSON.stringify(all)) return;
      show.phase('configuring');
      rmSync(stamp, { force: true });
      rmSync(objects, { recursive: true, force: true });
      mkdirSync(objects, { recursive: true });
      await run(join(tree, 'configure'), all, { cwd: objects });
      writeFileSync(stamp, JSON.stringify(all));
    },

    /** @param {{lines?: number, phase?: string}} options lines: what a whole build prints, about */
    async make(targets, { lines = 0, phase = 'building' } = {}) {
      show.phase(phase);
      await run('make', [`-j${availableParallelism()}`, ...targets], { cwd: objects, lines });
    },

    /** Copies a file to the prefix, so that a running one goes on and no other sees half of it. */
    install(from, to, mode = 0o755) {
      const out = join(prefix, to);
      mkdirSync(dirname(out), { recursive: true });
      copyFileSync(from, `${out}.part`);
      chmodSync(`${out}.part`, mode);
      renameSync(`${out}.part`, out);
    },
  };
}
