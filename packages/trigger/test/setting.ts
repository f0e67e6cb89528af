/** A running program, the library it uses, and patches for it. */
import { join } from 'node:path';
import { scenario, type Scenario } from '../../../test-targets/harness/scenario';
import type { StartOptions, Target } from '../../../test-targets/harness/target';
import { BIN, runTool, type Outcome } from '../../../test-targets/harness/tools';
import { runBeside } from '../../../test-targets/harness/programs.cjs';

export { asRoot } from '../../../test-targets/harness/as-root';
export { scenario, type Scenario };
export { BIN, runTool, succeed } from '../../../test-targets/harness/tools';
export type { Target } from '../../../test-targets/harness/target';

/** From the folder of the test targets. */
const programs = '../packages/trigger/test/programs';
export const source = (name: string): string => join(programs, name);
export const FILE = 'libtrigger-test.so';

export const buildLibrary = (s: Scenario, file = FILE): string =>
  s.library(source('library.c'), file);

export interface Setting {
  readonly library: string;
  readonly program: string;
  readonly target: Target;
}

export async function begin(s: Scenario, options?: StartOptions): Promise<Setting> {
  const library = buildLibrary(s);
  const program = s.program(source('program.c'), [library]);
  return { library, program, target: await s.start(program, options) };
}

/** A patch that adds `add` in place of 1, and twice as much in place of 2. */
export function patchOf(
  s: Scenario,
  library: string,
  file: string,
  add: number,
  depends: readonly string[] = [],
): string {
  const pairs = ['answer:new_answer', 'other:new_other'];
  const args = [`-DADD=${add}`];
  return s.patch(source('patch.c'), file, [[library, pairs]], { args, depends });
}

export const trigger = (target: { pid: number }, metadata: string, ...more: string[]): Outcome =>
  runTool('ulp-trigger', [target.pid, metadata, ...more]);

/** Runs while this program goes on. @param begun is told its id */
export function runAside(
  name: string,
  args: readonly (string | number)[],
  options: { uid?: number; begun?: (pid: number) => void } = {},
): Promise<Outcome> {
  return runBeside(join(BIN, name), args, options);
}
