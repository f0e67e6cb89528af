import type { Scenario } from '../harness/scenario';
import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';
import { HANG_MS } from '../harness/wait.cjs';

async function prepare(s: Scenario): Promise<{ target: Target; patch: string }> {
  const a = s.library('consistency/library.c', 'liba.so', { args: ['-DNAME=a'] });
  const b = s.library('consistency/library.c', 'libb.so', { args: ['-DNAME=b'] });
  const patch = s.patch('consistency/patch.c', 'both', [
    [a, ['a_version:new_a_version']],
    [b, ['b_version:new_b_version']],
  ]);
  const target = await s.start(s.program('consistency/program.c', [a, b]));
  return { target, patch };
}

const sees = (target: Target): Promise<string[]> =>
  [0, 1, 2, 3].reduce<Promise<string[]>>(
    async (list, i) => [...(await list), await target.ask(`${i} see`)],
    Promise.resolve([]),
  );

scenario(
  'a thread inside finishes with the old functions, all others have the new ones',
  async (s) => {
    const { target, patch } = await prepare(s);
    expect(await sees(target)).toEqual(['1 1', '1 1', '1 1', '1 1']);
    await target.ask('0 enter a'); // inside a
    await target.ask('1 enter b'); // inside b
    await target.ask('2 enter a'); // inside both
    await target.ask('2 enter b');

    s.apply(target, patch);
    expect(await sees(target)).toEqual(['1 1', '1 1', '1 1', '2 2']);
    const { status, stderr } = runTool('ulp-check', [target.pid, patch, '--wait', 50]);
    expect(status).toBe(5);
    expect(stderr).toMatch(/the patch is applied, but not every thread has migrated within 50 ms/);

    await target.ask('0 leave');
    expect(await sees(target)).toEqual(['2 2', '1 1', '1 1', '2 2']);
    await target.ask('1 leave');
    await target.ask('2 leave'); // out of b, still in a
    expect(await sees(target)).toEqual(['2 2', '2 2', '1 1', '2 2']);
    await target.ask('2 leave');
    expect(await sees(target)).toEqual(['2 2', '2 2', '2 2', '2 2']);
    expect(runTool('ulp-check', [target.pid, patch, '--wait', HANG_MS]).status).toBe(0);
  },
);

scenario('a revert migrates thread by thread as well, and then unloads', async (s) => {
  const { target, patch } = await prepare(s);
  s.apply(target, patch);
  await target.ask('0 enter a');
  await target.ask('1 enter b');
  s.revert(target, patch);
  expect(await sees(target)).toEqual(['2 2', '2 2', '1 1', '1 1']);
  expect(target.maps()).toContain('both.so');
  await target.ask('0 leave');
  expect(await sees(target)).toEqual(['1 1', '2 2', '1 1', '1 1']);
  await target.ask('1 leave');
  expect(await sees(target)).toEqual(['1 1', '1 1', '1 1', '1 1']);
  s.revert(target, patch); // nothing to revert: unloads what was retained
  expect(target.maps()).not.toContain('both.so');
});

scenario(
  'what is entered after the patch landed is new even while another thread is old',
  async (s) => {
    const { target, patch } = await prepare(s);
    await target.ask('0 enter a');
    s.apply(target, patch);
    await target.ask('1 enter a');
    expect(await sees(target)).toEqual(['1 1', '2 2', '2 2', '2 2']);
    s.revert(target, patch);
    expect(await sees(target)).toEqual(['1 1', '2 2', '1 1', '1 1']);
    s.apply(target, patch);
    expect(await sees(target)).toEqual(['1 1', '2 2', '2 2', '2 2']);
    await target.ask('0 leave');
    await target.ask('1 leave');
    expect(await sees(target)).toEqual(['2 2', '2 2', '2 2', '2 2']);
  },
);
