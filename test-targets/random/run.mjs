/** Runs programs in one process, while patches come and go in it. */
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { generator } from '../../bench/soak/random.mjs';
import { startProgram } from '../harness/programs.cjs';
import { preload } from './build.mjs';

const require = createRequire(import.meta.url);
const { readMetadata } = require('@ulp/metadata');
const { openProcess } = require('@ulp/ptrace-ffi');
const { applyPatch, checkPatch, revertPatch } = require('@ulp/trigger');

const GONE = 'process-missing';
/** A change that a program asks for: the program waits inside, so an unload would wait in vain. */
const ASKED_MS = 150;
const BESIDE_MS = 20_000;
/** No program takes nearly as long: one ends in a few milliseconds. */
const STALLED_MS = 20_000;
const PATCHES_LEFT_MS = 10_000;
const TRIES = 20;

/**
 * The patches of one process: which are applied, and changes of one, where its dependencies let it.
 */
class Changer {
  applied = new Set();
  changes = 0;

  constructor(pid, patches) {
    this.target = openProcess(pid, { writable: true });
    this.patches = patches.map(({ file, depends }) => ({ metadata: readMetadata(file), depends }));
  }

  isNeeded(n) {
    return [...this.applied].some((other) => this.patches[other].depends.includes(n));
  }

  async toggle(n, timeoutMs) {
    const { metadata, depends } = this.patches[n];
    if (this.applied.has(n)) {
      if (this.isNeeded(n)) return;
      await this.insist(() => revertPatch(this.target, metadata, { timeoutMs }));
      this.applied.delete(n);
    } else {
      if (!depends.every((other) => this.applied.has(other))) return;
      await this.insist(() => applyPatch(this.target, metadata, { timeoutMs }));
      this.applied.add(n);
    }
    this.changes++;
  }

  /** A time that is over before anything was changed is no failure. */
  async insist(act) {
    for (let tries = 1; tries <= TRIES; tries++)
      try {
        return await act();
      } catch (error) {
        if (error.code !== 'timed-out' || tries === TRIES) throw error;
      }
  }

  /** Every patch is reverted and leaves the memory. @returns those that stay */
  async forget() {
    for (const n of [4, 2, 3, 1, 0]) if (this.applied.has(n)) await this.toggle(n, BESIDE_MS);
    const end = Date.now() + PATCHES_LEFT_MS;
    let left = this.present();
    for (; left.length > 0 && Date.now() <= end; left = this.present())
      for (const { metadata } of left)
        await revertPatch(this.target, metadata, { timeoutMs: BESIDE_MS });
    return left.map(({ metadata }) => metadata.patch.path);
  }

  /** Applied, or reverted and still in memory. */
  present() {
    return this.patches.filter(
      ({ metadata }) => checkPatch(this.target, metadata).state !== 'absent',
    );
  }
}

/** struct report of world.h. */
function readReport(file) {
  const bytes = readFileSync(file);
  const words = (offset, count) =>
    Array.from({ length: count }, (_, i) => Number(bytes.readBigUInt64LE(offset + 8 * i)));
  return {
    done: Number(bytes.readBigUInt64LE(0)),
    current: words(8, 8),
    counts: words(72, 32),
    forgotten: Number(bytes.readBigUInt64LE(328)),
    message: bytes.subarray(336).toString('latin1').split('\0')[0],
  };
}

/**
 * @param {{program: string, patches: {file: string, depends: number[]}[]}} built
 * @param {string} folder for the report
 * @param {{words: string[], bare?: boolean, flapMs?: number, mayStay?: boolean,
 *   seed?: number}} options
 *   flapMs: a change beside, that often. mayStay: a patch may stay in memory, because words that
 *   lead to slots are left in the heap
 * @returns what failed, if anything did; which programs ran then; how many had ended; how many
 *   changes
 */
export async function run(
  built,
  folder,
  { words, bare = false, flapMs, mayStay = false, seed = 1, stalledMs = STALLED_MS },
) {
  const file = join(folder, `report-${process.pid}`);
  rmSync(file, { force: true });
  const child = startProgram(built.program, [file, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...(bare ? {} : { LD_PRELOAD: preload() }) },
  });
  const lines = createInterface({ input: child.stdout });
  const exit = new Promise((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  );
  child.stdin.on('error', () => undefined); // it has ended
  let failure, changer, flapping;
  let running = true;
  const failed = (error) => {
    if (error.code !== GONE) failure ??= `the tool: ${error.code ?? ''} ${error.message}`;
    if (error.code !== GONE) child.kill('SIGKILL');
  };
  const random = generator(seed);
  async function flap() {
    for (; running; await delay(flapMs))
      await changer.toggle(random(built.patches.length), BESIDE_MS);
  }
  async function answer(line) {
    const [what, n] = line.split(' ');
    if (what === 'change') {
      if (changer && flapMs === undefined) await changer.toggle(Number(n), ASKED_MS);
      child.stdin.write('done\n');
    } else if (what === 'ready') {
      if (!bare) changer = new Changer(child.pid, built.patches);
      if (changer && flapMs !== undefined) flapping = flap().catch(failed);
      child.stdin.write('go\n');
    } else if (what === 'end') {
      running = false;
      await flapping;
      const left = (await changer?.forget()) ?? [];
      if (left.length > 0 && !mayStay && readReport(file).forgotten === 0)
        failure ??= `stays in memory: ${left.join(', ')}`;
      child.stdin.end();
    }
  }
  lines.on('line', (line) => void answer(line).catch(failed));
  let done = -1;
  let since = Date.now();
  const watch = setInterval(() => {
    const now = tryReport(file)?.done ?? -1;
    if (now !== done || !running) [done, since] = [now, Date.now()];
    if (Date.now() - since < stalledMs) return;
    failure ??= 'stalled';
    child.kill('SIGKILL');
  }, 200);
  const code = await exit;
  running = false;
  clearInterval(watch);
  await flapping;
  changer?.target.close();
  const report = readReport(file);
  rmSync(file, { force: true });
  if (code === 3) failure = report.message;
  else if (code !== 0) failure ??= `ended with ${code}`;
  return { failure, ...report, changes: changer?.changes ?? 0 };
}

function tryReport(file) {
  try {
    return readReport(file);
  } catch {
    return undefined;
  }
}
