/** What the benchmarks share: compiling, timing whole processes in pairs, medians. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';

export const root = dirname(import.meta.dirname);
export const room = join(root, 'bench/build');
export const bin = (name) => join(root, 'node_modules/.bin', name);

/** Compiles bench/<source> to bench/build/<name>; gives its path. */
export function compile(name, source, ...flags) {
  mkdirSync(room, { recursive: true });
  const out = join(room, name);
  const input = [source].flat().map((file) => join(import.meta.dirname, file));
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', out, ...input, ...flags], {
    stdio: 'inherit',
  });
  return out;
}

/** Runs a command of the project; gives what it printed. */
export const tool = (name, ...args) => execFileSync(bin(name), args, { encoding: 'utf8' }).trim();

export const preload = () => tool('ulp-runtime', 'path', 'libpulp.so');

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};

/** Numbers are only worth something beside the machine that gave them. */
export const machine = () =>
  `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}, Node ${process.version}`;

/**
 * Times two commands in turn, A B A B …, after one run of each that does not count; each is made
 * anew.
 */
export function pairs(a, b, runs) {
  const measured = [[], []];
  for (let i = 0; i <= runs; i++)
    [a, b].forEach((command, which) => {
      const result = timed(command());
      if (i > 0) measured[which].push(result);
    });
  const [A, B] = measured;
  return {
    a: summary(A),
    b: summary(B),
    ratio: median(A.map((x, i) => x.ms / B[i].ms)),
    cpuRatio: median(A.map((x, i) => x.cpuMs / B[i].cpuMs)),
  };
}

const summary = (results) => ({
  ms: median(results.map((r) => r.ms)),
  cpuMs: median(results.map((r) => r.cpuMs)),
  mib: Math.max(...results.map((r) => r.kib)) / 1024,
  status: results[0].status,
});

let rusage;
/** Wall time and processor time in ms, and peak resident set in KiB of one whole process. */
export function timed(command) {
  rusage ??= compile('rusage', 'rusage.c');
  const { output, status, error } = spawnSync(rusage, command, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (error) throw error;
  const [ns, kib, us] = output[3].split(' ').map(Number);
  return { ms: ns / 1e6, kib, cpuMs: us / 1e3, status };
}
