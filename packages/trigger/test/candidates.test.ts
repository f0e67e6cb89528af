/** In which order threads are tried: what each of them could lose decides. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { candidates } from '../src/candidates';
import { buildLibrary, patchOf, scenario, source, trigger } from './setting';

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
  expect(new Set(names.slice(4, 8))).toEqual(new Set(['epoll', 'sigwait', 'recv', 'ppoll_mask']));
  expect(new Set(names.slice(8))).toEqual(new Set(['epoll_timed', 'sigtimed', 'semtimed']));
});

scenario('a thread that has written a part is let alone until all is written', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const fifo = join(s.room, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const target = await s.start(s.program(source('halfway.c'), [library]), { args: [fifo] });
  const isWriting = () => readFileSync(`/proc/${target.pid}/syscall`, 'utf8').startsWith('1 ');
  while (!isWriting());
  const { status, stderr } = trigger(target, patch, '--timeout', '500');
  expect(stderr).toMatch(/no thread of it could be borrowed in time \(nothing was changed\)/);
  expect(status).toBe(5);
  execFileSync('head', ['-c', String(1 << 20), fifo], { stdio: 'ignore' });
  expect(await target.line()).toBe(String(1 << 20));
  s.apply(target, patch);
  expect(await target.ask('')).toBe('1001');
});
