/** A live-patchable library, its patch, and processes that use it, for the benchmarks. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, room, root } from './lib.mjs';

const runtime = (...args) =>
  execFileSync(bin('ulp-runtime'), args, { encoding: 'utf8' }).trim().split(' ');

/** Builds bench/build/libbench.so, its patch and bench.ulp; gives their paths. */
export function buildTarget() {
  mkdirSync(room, { recursive: true });
  const gcc = (...args) =>
    execFileSync('gcc', ['-O2', '-fPIC', '-shared', ...args], { stdio: 'inherit' });
  const source = (name) => join(root, 'bench', name);
  const library = join(room, 'libbench.so');
  const patch = join(room, 'bench-patch.so');
  gcc(
    ...runtime('cflags'),
    source('stop-library.c'),
    ...runtime('ldflags'),
    '-Wl,-soname,libbench.so',
    '-o',
    library,
  );
  execFileSync(bin('ulp-dynsym-gate'), [library], { stdio: 'ignore' });
  gcc('-Wl,--build-id', source('stop-patch.c'), '-o', patch);
  const description = join(room, 'bench.dsc');
  writeFileSync(description, `${patch}\n@${library}\nbench_answer:new_answer\n`);
  const metadata = join(room, 'bench.ulp');
  execFileSync(bin('ulp-packer'), [description, '-o', metadata], { stdio: 'inherit' });
  return { library, patch, description, metadata };
}

/** Starts a program with libpulp.so preloaded; it ends when its standard input is closed. */
export function start(program, args, libpulp) {
  const preload = libpulp ?? runtime('path', 'libpulp.so')[0];
  return spawn(program, args, {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, LD_PRELOAD: preload },
  });
}

/** Waits, without sleeping long, until `ready()` holds. */
export async function until(ready) {
  for (let i = 0; !ready(); i++) {
    if (i > 10_000) throw new Error('the target does not come up');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
