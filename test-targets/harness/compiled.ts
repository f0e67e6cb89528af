/** Small programs: compiled, started, waited for by their ready line, ended. */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { abiHeader, pid, type Pid } from '@ulp/core';

/** Removed by cleanUp(). */
export const scratch = mkdtempSync(join(tmpdir(), 'ulp-compiled-'));
const running: ChildProcessWithoutNullStreams[] = [];

/** Compiles a program of one C file, which may include ulp_abi.h; gives its path. */
export function compileProgram(source: string, ...flags: string[]): string {
  writeFileSync(join(scratch, 'ulp_abi.h'), abiHeader());
  const file = join(mkdtempSync(join(scratch, 'build-')), basename(source, '.c'));
  execFileSync('gcc', [
    '-O1',
    '-Wall',
    '-Werror',
    '-pthread',
    '-I',
    scratch,
    '-o',
    file,
    source,
    ...flags,
  ]);
  return file;
}

export interface Target {
  readonly pid: Pid;
  readonly child: ChildProcessWithoutNullStreams;
  /** The line that begins with `ready`. */
  readonly ready: string;
  /** Sends a line, if given, and waits for the next one of the target. */
  line(send?: string): Promise<string>;
  kill(): Promise<void>;
}

export async function start(
  file: string,
  args: readonly string[] = [],
  options: { env?: NodeJS.ProcessEnv; uid?: number; cwd?: string } = {},
): Promise<Target> {
  const child = spawn(file, args, { ...options, stdio: 'pipe' });
  running.push(child);
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = (await lines.next()) as IteratorResult<string, undefined>;
    if (line.done)
      throw new Error(`${file} has ended: ${String(child.exitCode ?? child.signalCode)}`);
    return line.value;
  };
  const ready = await next();
  return {
    pid: pid(child.pid ?? 0),
    child,
    ready,
    line: (send) => {
      if (send !== undefined) child.stdin.write(`${send}\n`);
      return next();
    },
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

export function cleanUp(): void {
  for (const child of running) {
    child.kill('SIGKILL');
    // Its end may have been seen by waitpid of a test; a grandchild may hold the pipes.
    child.unref();
    [child.stdin, child.stdout, child.stderr].forEach((stream) => stream.destroy());
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
