/** Real processes for the tests: see the harness. */
import { join } from 'node:path';
import { compileProgram } from '../../../test-targets/harness/compiled';

export {
  cleanUp,
  codeOf,
  scratch,
  start,
  type Target,
} from '../../../test-targets/harness/compiled';

/** Compiles programs/NAME.c; gives the path of the program. */
export const compile = (name: string, ...flags: string[]): string =>
  compileProgram(join(__dirname, 'programs', `${name}.c`), ...flags);
