/** A library that comes by dlopen and goes by dlclose. Nothing ever jumps to where it has been. */
import { scenario, type Scenario } from '../harness/scenario';
import { takenSlots } from '../harness/slots';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';
import { waitFor } from '../harness/wait.cjs';

const LIBRARY = 'libloaded.so';

async function prepare(s: Scenario): Promise<{ target: Target; patch: string }> {
  const library = s.library('loading/library.c', LIBRARY);
  const patch = s.patch('loading/patch.c', 'fix', [[library, ['loaded_value:new_loaded_value']]]);
  const target = await s.start(s.program('loading/program.c', []), { args: [library] });
  return { target, patch };
}

async function expectAnswers(target: Target, ...pairs: [line: string, answer: string][]) {
  for (const [line, answer] of pairs)
    expect(`${line}: ${await target.ask(line)}`).toBe(`${line}: ${answer}`);
}

scenario(
  'unloaded while patched it stays; unloaded afterwards it goes, and can be patched anew',
  async (s) => {
    const { target, patch } = await prepare(s);
    for (let life = 0; life < 3; life++) {
      await expectAnswers(target, ['open', 'opened'], ['value', '1']);
      s.apply(target, patch);
      await expectAnswers(target, ['value', '2'], ['close', 'closed']);
      expect(target.maps()).toContain(LIBRARY);
      await expectAnswers(target, ['open', 'opened'], ['value', '2'], ['cycle 10', 'ok']);
      if (life === 1) await expectAnswers(target, ['close', 'closed']);
      s.revert(target, patch);
      if (life !== 1) await expectAnswers(target, ['value', '1'], ['close', 'closed']);
      expect(target.maps()).not.toMatch(/libloaded\.so|fix\.so/);
    }
  },
);

scenario('a thread is inside while its library is unloaded and the patch reverted', async (s) => {
  const { target, patch } = await prepare(s);
  await expectAnswers(target, ['open', 'opened']);
  s.apply(target, patch);
  await expectAnswers(target, ['worker closing', '2']);
  const { status } = runTool('ulp-trigger', [target.pid, patch, '--revert']);
  expect(status).toBe(0); // in effect; unloading waits for the thread
  expect(target.maps()).toContain('fix.so');
  await expectAnswers(target, ['value', '1']); // of another thread
  await expectAnswers(target, ['leave', '22']); // this one has closed the library, inside
  expect(target.maps()).toContain(LIBRARY);
  s.revert(target, patch);
  expect(target.maps()).not.toMatch(/libloaded\.so|fix\.so/);
});

scenario('return slots of threads and libraries that are no more are given back', async (s) => {
  const { target } = await prepare(s);
  await expectAnswers(target, ['cycle 1', 'ok']);
  const slots = takenSlots(target.pid);
  await expectAnswers(target, ['cycle 20000', 'ok']); // there are 16384
  expect(takenSlots(target.pid)).toBe(slots);
  for (let i = 0; i < 5; i++) {
    await expectAnswers(target, ['open', 'opened'], ['worker called', '1'], ['close', 'closed']);
    expect(target.maps()).not.toContain(LIBRARY);
    await expectAnswers(target, ['leave', '1']); // the thread ends after the library
    expect(takenSlots(target.pid)).toBe(slots);
  }
});

scenario('loaded and unloaded all the time while a patch comes and goes', async (s) => {
  const { target, patch } = await prepare(s);
  await expectAnswers(target, ['loop', 'looping']);
  let applied = 0;
  for (let i = 0; i < 24; i++) {
    const options = i % 2 ? ['--revert'] : [];
    const { status, stderr } = runTool('ulp-trigger', [target.pid, patch, ...options]);
    // It may be absent when the tool looks, or be gone when the helper does.
    if (status !== 0) expect({ status, stderr }).toMatchObject({ status: 3 });
    else if (i % 2 === 0) applied++;
    const loops = Number(await target.ask('loops'));
    await waitFor(
      `loop ${loops + 2}`,
      () => target.ask('loops'),
      (now) => Number(now) >= loops + 2,
      target,
    );
  }
  expect(applied).toBeGreaterThan(0);
  await expectAnswers(target, ['stop', 'ok']);
  await expectAnswers(target, ['open', 'opened']);
  s.revert(target, patch);
  await expectAnswers(target, ['value', '1'], ['close', 'closed']);
  expect(target.maps()).not.toMatch(/libloaded\.so|fix\.so/);
});
