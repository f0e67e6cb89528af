/** The commands of this workspace, and the compiler's words that ulp-runtime gives. */
import { join } from 'node:path';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

const BIN = join(__dirname, '../../../node_modules/.bin');

export const tool = (name: string, ...args: string[]): ReturnType<typeof runProgram> =>
  runProgram(join(BIN, name), args, { encoding: 'utf8' });

export const words = (...args: string[]): string[] =>
  String(tool('ulp-runtime', ...args).stdout)
    .trim()
    .split(' ');

/** What a program prints, with or without libpulp.so. */
export function output(program: string, preload: boolean): string {
  const env = preload ? { LD_PRELOAD: words('path', 'libpulp.so').join() } : {};
  const { stdout, stderr, status, signal } = runProgram(program, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${program}: ${signal ?? status}: ${stderr}${stdout}`);
  return stdout;
}
