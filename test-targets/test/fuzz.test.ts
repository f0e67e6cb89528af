/** A bounded share of `npm run fuzz`: the same cases each time. */
import { join } from 'node:path';
import { runProgram } from '../harness/programs.cjs';
import { LONG_MS } from '../harness/wait.cjs';

test('every parser of foreign bytes: 30,000 mutated inputs of seed 1', () => {
  const { status, stdout, stderr } = runProgram(
    process.execPath,
    [join(__dirname, '../../scripts/fuzz.mjs'), '--cases', '30000', '--seed', '1'],
    { encoding: 'utf8', maxBuffer: 1 << 24, timeout: LONG_MS },
  );
  expect({ status, stderr: stderr.replace(/^ulp-dynsym-gate: .*\n/, '') }).toEqual({
    status: 0,
    stderr: '',
  });
  expect(stdout).toMatch(/cases, seed 1: 0 failed\n$/);
});
