/** Small programs: compiled, started, waited for by their ready line, ended. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { abiHeader, pid, type Pid } from '@ulp/core';
import { Asked, type AskedOptions } from './asked.cjs';
import { outputOf } from './programs.cjs';
import { TEST_MS } from './wait.cjs';

jest.setTimeout(TEST_MS);

/** Removed by cleanUp(). */
export const scratch = mkdtempSync(join(tmpdir(), 'ulp-compiled-'));
const running: Target[] = [];

/** Compiles a program of one C file, which may include ulp_abi.h; gives its path. */
export function compileProgram(source: string, ...flags: string[]): string {
  writeFileSync(join(scratch, 'ulp_abi.h'), abiHeader());
  const file = join(mkdtempSync(join(scratch, 'build-')), basename(source, '.c'));
  const options = ['-O1', '-Wall', '-Werror', '-pthread', `-I${scratch}`];
  outputOf('gcc', [...options, '-o', file, source, ...flags]);
  return file;
}

export class Target extends Asked {
  override get pid(): Pid {
    return pid(super.pid);
  }
}

export function start(
  file: string,
  args: readonly string[] = [],
  options: Omit<AskedOptions, 'args'> = {},
): Promise<Target> {
  const target = new Target(file, { ...options, args });
  running.push(target);
  return target.becomeReady();
}

export function cleanUp(): void {
  for (const { child } of running) {
    child.kill('SIGKILL');
    // Its end may have been seen by waitpid of a test; a grandchild may hold the pipes.
    child.unref();
    for (const stream of [child.stdin, child.stdout]) stream.destroy();
  }
  rmSync(scratch, { recursive: true, force: true });
}

/** The code of the UlpError that an action throws. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}
