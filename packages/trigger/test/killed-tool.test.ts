/**
 * A tool that is killed leaves the process as it was, or patched; and the next tool brings to its
 * end what it left behind. See dying-tool.mjs for how it is killed before each of its steps.
 */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { die } from '../../../test-targets/harness/die';
import { begin, patchOf, scenario, trigger } from './setting';

for (const action of ['apply', 'revert'] as const)
  scenario(`killed before each step of ${action}`, async (s) => {
    const { library, target } = await begin(s);
    const patch = patchOf(s, library, 'fix', 1000);
    const answers = { before: '2', after: '1001' };
    if (action === 'revert') [answers.before, answers.after] = [answers.after, answers.before];
    let finished = 0;
    const set = (wanted: 'before' | 'after'): void => {
      const apply = (wanted === 'after') === (action === 'apply');
      const { status, stderr } = trigger(target, patch, ...(apply ? [] : ['--revert']));
      if (status !== 0) throw new Error(stderr);
      if (stderr.includes('an earlier request was unfinished and has been finished')) finished++;
    };
    set('before');
    let step = 1;
    for (; die(target, patch, action, step) === undefined; step++) {
      const answer = await target.ask('answer');
      expect([answers.before, answers.after]).toContain(answer);
      set('after');
      expect(await target.ask('answer')).toBe(answers.after);
      set('before');
      expect(await target.ask('answer')).toBe(answers.before);
    }
    expect(step).toBeGreaterThan(15);
    expect(finished).toBeGreaterThan(0);
    expect(await target.ask('answer')).toBe(answers.after);
  });

scenario('what a killed tool has left and nobody can finish is dropped', async (s) => {
  const { library, target } = await begin(s);
  const doomed = patchOf(s, library, 'doomed', 2000);
  const patch = patchOf(s, library, 'fix', 1000);
  const file = join(s.room, 'doomed.so');
  const messages = new Set<string>();
  for (let step = 1; die(target, doomed, 'apply', step) === undefined; step++) {
    renameSync(file, `${file}.away`);
    const { status, stderr } = trigger(target, patch);
    renameSync(`${file}.away`, file);
    expect(status).toBe(0);
    messages.add(stderr.replace(/^.*: /, '').trim());
    // Finished, if the helper had loaded it before its file was taken away.
    expect(['1001', '2001']).toContain(await target.ask('answer'));
    expect(trigger(target, doomed, '--revert').status).toBe(0);
    expect(trigger(target, patch, '--revert').status).toBe(0);
    expect(await target.ask('answer')).toBe('2');
  }
  expect(messages).toContain(
    'an earlier request was unfinished, could not be finished and has been dropped',
  );
});
