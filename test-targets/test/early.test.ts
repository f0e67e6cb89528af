/** Entries before the thread block is there, and libraries that libpulp.so itself calls. */
import { scenario } from '../harness/scenario';

const FIX: readonly string[] = ['answer:new_answer'];

scenario('a library is entered by a resolver, before its thread block is there', async (s) => {
  const library = s.library('early/library.c', 'libearly.so');
  const resolver = s.library('early/resolver.c', 'libresolver.so', { args: [library] });
  const patch = s.patch('early/patch.c', 'fix', [[library, FIX]]);
  const program = s.program('early/program.c', [resolver, library]);
  const target = await s.start(program, { env: { LD_BIND_NOW: '1' } });
  expect(await target.ask('chosen')).toBe('2');
  expect(await target.ask('thread')).toBe('2');
  s.apply(target, patch);
  expect(await target.ask('call')).toBe('3');
  expect(await target.ask('thread')).toBe('3');
  expect(s.isApplied(target, patch)).toBe(true);
  s.revert(target, patch);
  expect(await target.ask('call')).toBe('2');
});

scenario('what libpulp.so calls is live-patchable itself', async (s) => {
  const library = s.library('early/library.c', 'libearly.so');
  const interposer = s.library('early/interposer.c', 'libinterposer.so');
  const patch = s.patch('early/patch.c', 'fix', [[library, FIX]]);
  const program = s.program('early/program.c', [interposer, library], ['-DINTERPOSED']);
  const target = await s.start(program);
  expect(await target.ask('call')).toBe('2');
  expect(await target.ask('thread')).toBe('2');
  s.apply(target, patch);
  expect(await target.ask('call')).toBe('3');
  expect(await target.ask('thread')).toBe('3');
  expect(Number(await target.ask('interposed'))).toBeGreaterThan(1);
  expect(s.isApplied(target, patch)).toBe(true);
  s.revert(target, patch);
  expect(await target.ask('thread')).toBe('2');
  expect(target.maps()).not.toContain('fix.so');
});
