/** What a program gets that only imports the package. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

test('neither zod, nor an FFI, nor a command-line parser is loaded', () => {
  const index = join(__dirname, '../dist/index.js');
  const program = `require(${JSON.stringify(index)});
    console.log(JSON.stringify(Object.keys(require.cache)))`;
  const loaded = JSON.parse(
    execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }),
  ) as string[];
  expect(loaded).toContain(index);
  expect(loaded.filter((file) => /zod|ffi|yargs|packages\/cli/.test(file))).toEqual([]);
});
