/** In which order threads are tried: what each of them could lose decides. */
import { pid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { candidates } from '../src/candidates';
import { scenario, source } from './setting';

scenario('first who loses nothing, last whose time-out could begin anew', async (s) => {
  const target = await s.start(s.program(source('ranks.c'), []), { bare: true });
  const process = openProcess(pid(target.pid));
  // All are where their names say: every one sleeps, but one.
  const settled = () => process.threads().filter(({ state }) => state === 'S').length === 11;
  while (!settled() || process.threads().some(({ name }) => name.startsWith('ranks')));
  const names = candidates(process).map(({ name }) => name);
  process.close();
  expect(new Set(names.slice(0, 3))).toEqual(new Set(['main', 'pipe', 'ppoll']));
  expect(names[3]).toBe('busy');
  expect(new Set(names.slice(4, 9))).toEqual(
    new Set(['epoll', 'sigwait', 'recv', 'write', 'ppoll_mask']),
  );
  expect(new Set(names.slice(9))).toEqual(new Set(['epoll_timed', 'sigtimed', 'semtimed']));
});
