/** A bounded share of `npm run fuzz`: the same cases each time. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

test('every parser of foreign bytes: 30,000 mutated inputs of seed 1', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(__dirname, '../../scripts/fuzz.mjs'), '--cases', '30000', '--seed', '1'],
    { encoding: 'utf8', maxBuffer: 1 << 24 },
  );
  expect({ status, stderr: stderr.replace(/^ulp-dynsym-gate: .*\n/, '') }).toEqual({
    status: 0,
    stderr: '',
  });
  expect(stdout).toMatch(/cases, seed 1: 0 failed\n$/);
});
