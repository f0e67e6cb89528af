// @ts-check
/**
 * Starts programs for the tests: none runs without a bound, and one that is not installed is named
 * with the Debian package that has it.
 */
'use strict';
const { accessSync, constants, existsSync } = require('node:fs');
const { spawn, spawnSync } = require('node:child_process');
const { join, resolve } = require('node:path');
const { PROGRAM_MS, inTime } = require('./wait.cjs');

/** Debian packages and those of their programs that the tests start. */
const PROGRAMS = {
  gcc: ['gcc'],
  'g++': ['g++'],
  'gcc-12': ['gcc-12'],
  binutils: ['ar', 'ld', 'nm', 'objcopy', 'objdump', 'readelf', 'strip'],
  elfutils: ['eu-elflint', 'eu-strip', 'eu-unstrip'],
  gdb: ['gdb'],
  strace: ['strace'],
  valgrind: ['valgrind'],
  debootstrap: ['debootstrap'],
  spin: ['spin'],
  'util-linux': [
    ...['flock', 'fsfreeze', 'nsenter', 'prlimit', 'setarch', 'setpriv', 'taskset', 'unshare'],
  ],
  mount: ['losetup', 'mount', 'umount'],
  e2fsprogs: ['mkfs.ext4', 'mke2fs'],
  procps: ['ps'],
  make: ['make'],
  patch: ['patch'],
  'xz-utils': ['xz'],
  'dpkg-dev': ['dpkg-source'],
  coreutils: ['cat', 'chmod', 'chroot', 'cp', 'env', 'ls', 'mkdir', 'mkfifo', 'mv', 'nice'],
  'libc-bin': ['ldd'],
  findutils: ['find'],
  tar: ['tar'],
  bash: ['bash'],
  dash: ['sh'],
  apt: ['apt-get', 'apt-cache'],
};

/** @type {ReadonlyMap<string, string>} */
const PACKAGE_OF = new Map(
  Object.entries(PROGRAMS).flatMap(([name, programs]) =>
    programs.map((program) => /** @type {[string, string]} */ ([program, name])),
  ),
);

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} program a name that is looked up, or a path
 * @param {object} [start] how it is started
 * @param {Readonly<Record<string, string | undefined>>} [start.env] PATH: where a name is looked up
 * @param {string | URL} [start.cwd] what a relative path begins at
 * @throws when it is not there
 */
function needProgram(program, { env = {}, cwd = '.' } = {}) {
  const path = env.PATH ?? process.env.PATH ?? '';
  if (program.includes('/')) {
    if (!existsSync(resolve(String(cwd), program)))
      throw new Error(`needs ${program}: not found (built? npm run build)`);
    return;
  }
  if (path.split(':').some((folder) => folder !== '' && isProgram(join(folder, program)))) return;
  const package_ = PACKAGE_OF.get(program);
  const where = package_ === undefined ? '' : ` (Debian package ${package_})`;
  throw new Error(`needs ${program}${where}: not found`);
}

/**
 * @param {unknown[]} rest arguments of the program, if any, and options, if any
 * @returns {[string[], import('node:child_process').SpawnOptions & { timeout?: number }]}
 */
const split = ([args, options]) =>
  Array.isArray(args)
    ? [args.map(String), /** @type {object} */ (options ?? {})]
    : [[], /** @type {object} */ (args ?? {})];

/**
 * Node.js reads more certificates, when it is told to, at every start, for longer than all else
 * of a start takes. npm alone speaks to a server.
 * @param {string} program
 * @param {{ env?: NodeJS.ProcessEnv | undefined }} options
 * @returns {NodeJS.ProcessEnv}
 */
const environment = (program, { env = process.env }) =>
  program === 'npm' ? env : { ...env, NODE_EXTRA_CA_CERTS: undefined };

/** @param {string} program @param {string[]} args */
const lineOf = (program, args) => [program, ...args].join(' ').slice(0, 400);

/**
 * As spawnSync(), with a bound.
 * @type {typeof spawnSync}
 * @throws when it cannot be started or does not end in time
 */
const runProgram = /** @type {any} */ (
  /** @param {string} program @param {unknown[]} rest */
  (program, ...rest) => {
    const [args, options] = split(rest);
    needProgram(program, options);
    const { timeout = PROGRAM_MS } = options;
    const ran = spawnSync(program, args, {
      maxBuffer: 1 << 26,
      killSignal: 'SIGKILL',
      ...options,
      env: environment(program, options),
      timeout,
    });
    const { error } = ran;
    if (/** @type {NodeJS.ErrnoException | undefined} */ (error)?.code === 'ETIMEDOUT')
      throw new Error(`not ended in ${timeout / 1000} s: ${lineOf(program, args)}: ${ran.stderr}`);
    if (error) throw error;
    return ran;
  }
);

/**
 * As execFileSync(), with a bound.
 * @type {typeof import('node:child_process').execFileSync}
 * @throws when it does not end with 0
 */
const outputOf = /** @type {any} */ (
  /** @param {string} program @param {unknown[]} rest */
  (program, ...rest) => {
    const [args, options] = split(rest);
    const ran = runProgram(program, args, {
      // Standard error is shown, as execFileSync() shows it.
      stdio: ['pipe', 'pipe', 'inherit'],
      ...options,
    });
    const { status, signal, stdout, stderr } = ran;
    if (status !== 0)
      throw new Error(
        `${lineOf(program, args)}: ended with ${signal ?? status}: ${stderr ?? ''}${stdout ?? ''}`,
      );
    return stdout;
  }
);

/**
 * As spawn(); who calls it ends it.
 * @type {typeof spawn}
 * @throws when the program is not there
 */
const startProgram = /** @type {any} */ (
  /** @param {string} program @param {unknown[]} rest */
  (program, ...rest) => {
    const [args, options] = split(rest);
    needProgram(program, options);
    return spawn(program, args, { ...options, env: environment(program, options) });
  }
);

/** @typedef {{ status: number | null, signal: string | null }} Ended */

/**
 * Runs one while this program goes on.
 * @param {string} program
 * @param {readonly (string | number)[]} args
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {number} [options.uid] run as this user and group; only root can
 * @param {number} [options.timeout]
 * @param {(pid: number) => void} [options.begun] is told its id
 * @returns {Promise<Ended & { stdout: string, stderr: string }>}
 * @throws when it cannot be started or does not end in time
 */
async function runBeside(program, args, { begun, timeout = PROGRAM_MS, uid, ...options } = {}) {
  const child = startProgram(program, args.map(String), {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  begun?.(child.pid ?? 0);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (said.stderr += text));
  /** @type {Promise<Ended>} */
  const end = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal }));
  });
  const what = `the end of ${lineOf(program, args.map(String))}`;
  const bound = { ms: timeout, seen: () => said, ...(child.pid ? { pid: child.pid } : {}) };
  try {
    return { ...(await inTime(what, end, bound)), ...said };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/**
 * The same; gives its standard output.
 * @param {Parameters<typeof runBeside>} ran
 * @throws when it does not end with 0
 */
async function outputBeside(...ran) {
  const { status, signal, stdout, stderr } = await runBeside(...ran);
  if (status === 0) return stdout;
  const line = lineOf(ran[0], ran[1].map(String));
  throw new Error(`${line}: ended with ${signal ?? status}: ${stderr}${stdout}`);
}

module.exports = {
  PROGRAMS,
  needProgram,
  outputBeside,
  outputOf,
  runBeside,
  runProgram,
  startProgram,
};
