/** A tool that is killed before one of its steps: dying-tool.mjs says what a step is. */
import { join } from 'node:path';
import { runProgram } from './programs.cjs';

/** Its script: also run by tests that stop a target before a step. */
export const DYING_TOOL = join(__dirname, 'dying-tool.mjs');

/** @returns the number of its steps, or undefined: it was killed before that one */
export function die(
  target: { readonly pid: number },
  patch: string,
  action: 'apply' | 'revert',
  step: number,
  tool: 'trigger' | 'dispatcher' = 'trigger',
): number | undefined {
  const { signal, status, stdout, stderr } = runProgram(
    process.execPath,
    [DYING_TOOL, String(target.pid), patch, action, String(step), tool],
    { encoding: 'utf8' },
  );
  if (signal === 'SIGKILL') return undefined;
  if (status !== 0) throw new Error(`step ${step}: ${stderr}`);
  return Number(stdout);
}
