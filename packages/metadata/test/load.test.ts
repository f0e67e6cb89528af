/** What a program gets that only imports the package. */
import { join } from 'node:path';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

test('neither zod, nor an FFI, nor a command-line parser is loaded', () => {
  const index = join(__dirname, '../dist/index.js');
  const program = `require(${JSON.stringify(index)});
    console.log(JSON.stringify(Object.keys(require.cache)))`;
  const loaded = JSON.parse(
    outputOf(process.execPath, ['-e', program], { encoding: 'utf8' }),
  ) as string[];
  expect(loaded).toContain(index);
  expect(loaded.filter((file) => /zod|ffi|yargs|packages\/cli/.test(file))).toEqual([]);
});
