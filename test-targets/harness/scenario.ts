/**
 * A test on real processes with a scratch directory of its own. When it fails, the directory stays
 * and the way to run it again is printed.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import {
  buildLibrary,
  buildPatch,
  buildProgram,
  TARGETS,
  type LibraryOptions,
  type Replacements,
} from './build';
import { Target, type StartOptions } from './target';
import { runTool, succeed, type Outcome } from './tools';
import { TEST_MS } from './wait.cjs';

export class Scenario {
  private readonly targets: Target[] = [];
  private isAbandoned = false;

  constructor(readonly room: string) {}

  library(source: string, file: string, options?: LibraryOptions): string {
    return buildLibrary(this.room, source, file, options);
  }

  program(source: string, libraries: readonly string[], args?: readonly string[]): string {
    return buildProgram(this.room, source, libraries, args);
  }

  patch(
    source: string,
    file: string,
    replacements: Replacements,
    options?: { args?: readonly string[]; depends?: readonly string[] },
  ): string {
    return buildPatch(this.room, source, file, replacements, options);
  }

  async start(program: string, options?: StartOptions): Promise<Target> {
    const target = await Target.start(program, options);
    this.targets.push(target);
    if (this.isAbandoned) this.abandon();
    return target;
  }

  apply(target: Target, metadata: string): void {
    succeed('ulp-trigger', target.pid, metadata);
  }

  revert(target: Target, metadata: string): void {
    succeed('ulp-trigger', target.pid, metadata, '--revert');
  }

  check(target: Target, metadata: string, ...options: string[]): Outcome {
    return runTool('ulp-check', [target.pid, metadata, ...options]);
  }

  isApplied(target: Target, metadata: string): boolean {
    const { status, stderr } = this.check(target, metadata);
    if (status !== 0 && status !== 1) throw new Error(stderr);
    return status === 0;
  }

  /** Ends every target that still runs; one that was killed by a signal fails the test. */
  async finish(): Promise<void> {
    for (const target of this.targets) {
      const code = await target.end();
      if (code !== 0) throw new Error(`a target ended with ${code}`);
    }
  }

  /**
   * Ends every target, also those that are still to be started by a part of the test that goes on.
   */
  abandon(): void {
    this.isAbandoned = true;
    for (const target of this.targets) target.kill();
  }
}

// A file that needs more says so itself.
jest.setTimeout(TEST_MS);

const SCRATCH = process.env.ULP_TEST_SCRATCH ?? join(TARGETS, 'build/scratch');

const begun = new Set<Scenario>();
// Of those whose time is over: their bodies go on, and nothing else would end what they have
// started.
afterAll(() => begun.forEach((s) => s.abandon()));

export function scenario(title: string, body: (s: Scenario) => Promise<void>): void {
  const file = relative(join(TARGETS, '..'), expect.getState().testPath ?? '');
  test(title, async () => {
    mkdirSync(SCRATCH, { recursive: true });
    const room = mkdtempSync(join(SCRATCH, `${basename(file, '.test.ts')}-`));
    const s = new Scenario(room);
    begun.add(s);
    try {
      await body(s);
      await s.finish();
    } catch (error) {
      s.abandon();
      process.stderr.write(`kept: ${room}\nagain: npm test -- ${file} -t '${title}'\n`);
      throw error;
    } finally {
      begun.delete(s);
    }
    rmSync(room, { recursive: true });
  });
}
