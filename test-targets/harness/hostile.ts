/**
 * Runs commands on processes that lie to them: each ends by itself, within bounds, and prints
 * nothing that draws.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { abiHeader } from '@ulp/core';
import { ownBuildId, TARGETS } from './build';
import type { Scenario } from './scenario';
import { BIN, type Outcome } from './tools';
import { outputOf, runProgram } from './programs.cjs';
import { SLOWNESS, statusOf } from './wait.cjs';

/** Far above what any of these runs needs; a hang is a failure. */
const TIME_MS = 100_000 * SLOWNESS;
/**
 * What a command holds at most, in MB: 60 without anything to do, and what docs/security.md lets it
 * read, but for symbol tables.
 */
const PEAK_MB = 256;
/** Line feeds stand between lines; nothing else that controls a terminal is printed. */
const DRAWS =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** Not 2: nothing is wrong with the command line, nor with the files on it. */
const KNOWN: readonly (number | null)[] = [0, 1, 3, 4, 5];

/** Threads of a process that are traced or stopped; none, if a tool has let go of them. */
export const heldThreads = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).filter((id) => {
    const thread = `${pid}/task/${id}`;
    try {
      return statusOf(thread, 'TracerPid') !== '0' || /^[tT]/.test(statusOf(thread, 'State'));
    } catch (error) {
      // It has ended since the list was read: the helper does, at any time.
      if (isGone(error)) return false;
      throw error;
    }
  });

/** Of reading /proc/PID/task/TID/status. */
const isGone = (error: unknown): boolean =>
  ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

export class Hostile {
  readonly patch: string;
  /** Of a library that no process has: it is looked for by name too, in the loader's list. */
  readonly patchOfNone: string;
  readonly library: string;
  private readonly rusage: string;

  /** Builds test-targets/simple's library with a patch of it. */
  constructor(private readonly s: Scenario) {
    writeFileSync(join(s.room, 'ulp_abi.h'), abiHeader());
    this.library = s.library('simple/library.c', 'libsimple.so', { args: [ownBuildId()] });
    this.patch = s.patch('simple/patch.c', 'fix', [[this.library, ['answer:new_answer']]]);
    const none = s.library('simple/library.c', 'libnone.so');
    this.patchOfNone = s.patch('simple/patch.c', 'none', [[none, ['answer:new_answer']]]);
    this.rusage = join(s.room, 'rusage');
    outputOf('gcc', ['-O1', '-o', this.rusage, join(TARGETS, '../bench/rusage.c')]);
  }

  /** A program of test-targets/hostile. */
  program(source: string): string {
    const args = [`-I${this.s.room}`, '-Wl,-z,now,-z,norelro'];
    return this.s.program(`hostile/${source}.c`, [this.library], args);
  }

  /** One command; whatever it finds, it is one of the promised answers. */
  run(
    tool: string,
    args: readonly string[],
    timeout = TIME_MS,
    known = KNOWN,
  ): Outcome & { readonly status: number } {
    const { status, signal, stdout, stderr, output } = runProgram(
      this.rusage,
      [join(BIN, tool), ...args],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        timeout,
        killSignal: 'SIGKILL',
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      },
    );
    const line = [tool, ...args].join(' ');
    const peak = Number(output[3]?.split(' ')[1]) >> 10;
    const answer = known.includes(status) ? 'known' : `${status}: ${stderr}`;
    expect({ line, signal, answer }).toEqual({ line, signal: null, answer: 'known' });
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(PEAK_MB);
    expect(stdout).not.toMatch(DRAWS);
    expect(stderr).not.toMatch(DRAWS);
    if (args.includes('--json') && stdout !== '') JSON.parse(stdout);
    return { status: status ?? -1, stdout, stderr };
  }

  /**
   * Every command, on one process. @returns what the apply said, and what a check of a library that
   * is not there
   */
  runAll(pid: number): { readonly status: number; readonly text: string; readonly none: string } {
    const { patch } = this;
    const id = String(pid);
    const none = this.run('ulp-check', [id, this.patchOfNone]);
    expect(none).toMatchObject({ status: 3, stdout: '' });
    this.run('ulp-trigger', [id, patch, '--dry-run', '--json']);
    this.run('ulp-check', [id, patch, '--threads', '--json']);
    this.run('ulp-inspect', [id]);
    this.run('ulp-inspect', [id, '--json']);
    const { status, stdout, stderr } = this.run('ulp-trigger', [id, patch, '--timeout', '1000']);
    this.run('ulp-trigger', [id, patch, '--revert', '--timeout', '1000', '--json']);
    this.run('ulp-dispatcher', ['patch', patch, id, '--json']);
    this.run('ulp-check', [id, patch, '--wait', '500']);
    return { status, text: stdout + stderr, none: none.stderr };
  }
}
