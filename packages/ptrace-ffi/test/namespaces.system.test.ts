/** A process in a pid namespace of its own: two ids for each thread. */
import { readFileSync } from 'node:fs';
import { pid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { cleanUp, compile, start } from './target';
import { asRoot } from '../../../test-targets/harness/as-root';

afterAll(cleanUp);

asRoot(test)('threads have the ids that they know themselves by', async () => {
  const unshare = await start('unshare', [
    '--pid',
    '--fork',
    '--kill-child',
    compile('echo'),
    'threads',
  ]);
  const children = `/proc/${unshare.pid}/task/${unshare.pid}/children`;
  const inner = pid(Number(readFileSync(children, 'utf8').trim()));
  const threads = openProcess(inner).threads();
  expect(threads.map((t) => t.targetTid)).toEqual([1, 2, 3, 4]);
  expect(threads.map((t) => t.tid)).toContain(inner);
  expect(await unshare.ask('alive?')).toMatch(/^1 /);
  await unshare.killed();
});
