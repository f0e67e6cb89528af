/** The commands, run as whole processes, as a user would. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export const BIN = join(__dirname, '../../node_modules/.bin');

export const NOBODY = 65534;

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param uid run as this user; only root can */
export function runTool(
  name: string,
  args: readonly (string | number)[],
  { uid }: { uid?: number | undefined } = {},
): Outcome {
  const { status, stdout, stderr, signal } = spawnSync(join(BIN, name), args.map(String), {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
    timeout: 60_000,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  if (signal) throw new Error(`${name} was ended by ${signal}: ${stderr}`);
  return { status, stdout, stderr };
}

/** Runs it and expects success; gives standard output. */
export function succeed(name: string, ...args: (string | number)[]): string {
  const { status, stdout, stderr } = runTool(name, args);
  if (status !== 0)
    throw new Error(`${name} ${args.join(' ')}: exit ${status}: ${stderr}${stdout}`);
  return stdout;
}
