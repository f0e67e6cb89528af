/** The commands, run as whole processes, as a user would. */
import { join } from 'node:path';
import { runProgram } from './programs.cjs';

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
  const { status, stdout, stderr, signal } = runProgram(join(BIN, name), args.map(String), {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
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
