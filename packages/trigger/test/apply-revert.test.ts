/** Patches that come and go, alone and on top of each other, and what the commands say about it. */
import { renameSync, rmSync } from 'node:fs';
import { checkSchema, triggerSchema } from '@ulp/trigger/schema';
import {
  begin,
  buildLibrary,
  patchOf,
  runAside,
  runTool,
  scenario,
  source,
  succeed,
  trigger,
} from './setting';

scenario('both documents are as their schemas say, whatever the state', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const change = (...more: string[]) =>
    triggerSchema.parse(JSON.parse(succeed('ulp-trigger', target.pid, patch, '--json', ...more)));
  const check = () =>
    checkSchema.parse(
      JSON.parse(runTool('ulp-check', [target.pid, patch, '--json', '--threads']).stdout),
    );

  expect(check()).toMatchObject({ applied: false, state: 'absent', threads: [] });
  expect(change('--dry-run')).toMatchObject({ dryRun: true, changed: true, universe: 0 });
  const applied = change();
  expect(applied).toMatchObject({ action: 'apply', changed: true, retained: 0 });
  expect(applied.replacements.map((r) => `${r.oldName}:${r.newName}`)).toEqual([
    'answer:new_answer',
    'other:new_other',
  ]);
  expect(check()).toMatchObject({ applied: true, state: 'applied', universe: applied.universe });
  expect(change()).toMatchObject({ action: 'apply', changed: false });

  await target.ask('hold');
  expect(change('--revert')).toMatchObject({ action: 'revert', changed: true, retained: 1 });
  expect(check()).toMatchObject({ applied: false, state: 'reverted', migrated: false });
  await target.ask('release');
  expect(change('--revert')).toMatchObject({ changed: false, retained: 0 });
  expect(check()).toMatchObject({ applied: false, state: 'absent' });
});

scenario('a thread that stays inside keeps the patch in memory, until it leaves', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  s.apply(target, patch);
  await target.ask('hold');
  const { status, stderr } = trigger(target, patch, '--revert');
  expect(status).toBe(0);
  expect(stderr).toMatch(/1 reverted patch\(es\) still in memory/);
  expect(await target.ask('answer')).toBe('2');
  expect(target.maps()).toContain('fix.so');
  const check = runTool('ulp-check', [target.pid, patch]);
  expect(check).toMatchObject({ status: 1, stderr: '' });
  expect(check.stdout).toContain('reverted, still in memory');

  expect(await target.ask('release')).toBe('1001');
  expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
  expect(target.maps()).not.toContain('fix.so');
  expect(await target.ask('other')).toBe('3');
});

scenario('ulp-check names the thread that is still inside, and waits for it', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('hold');
  s.apply(target, patch);
  expect(await target.ask('answer')).toBe('1001');
  const text = succeed('ulp-check', target.pid, patch, '--threads');
  expect(text).toMatch(/1 thread\(s\) still inside with the old functions/);
  const since = 'since \\S+:hold_library\\+0x[0-9a-f]+';
  expect(text).toMatch(new RegExp(`^\\d+ .* no +in ${library}, universe 1, ${since}$`, 'm'));
  const { status, stderr } = runTool('ulp-check', [target.pid, patch, '--wait', 20]);
  expect(status).toBe(5);
  expect(stderr).toMatch(/the patch is applied, but not every thread.*found thread \d+/);

  const waiting = runAside('ulp-check', [target.pid, patch, '--wait', 20_000]);
  expect(await target.ask('release')).toBe('2');
  expect(await waiting).toMatchObject({ status: 0, stderr: '' });
  expect((await waiting).stdout).toContain('all threads see it');
});

scenario('patches on top of each other, taken away in any order', async (s) => {
  const { library, target } = await begin(s);
  const low = patchOf(s, library, 'low', 1000);
  const high = patchOf(s, library, 'high', 5000);
  s.apply(target, low);
  s.apply(target, high);
  expect(await target.ask('answer')).toBe('5001');
  s.revert(target, low);
  expect(await target.ask('answer')).toBe('5001');
  s.revert(target, high);
  expect(await target.ask('answer')).toBe('2');
  s.apply(target, high);
  s.apply(target, low);
  expect(await target.ask('other')).toBe('2001');
  s.revert(target, low);
  expect(await target.ask('other')).toBe('10001');
  s.revert(target, high);
  expect(await target.ask('other')).toBe('3');
  expect(target.maps()).not.toMatch(/(low|high)\.so/);
});

scenario('a dependency must be there first, and must stay', async (s) => {
  const { library, target } = await begin(s);
  const low = patchOf(s, library, 'low', 1000);
  const high = patchOf(s, library, 'high', 5000, [low]);
  const before = target.maps();
  for (const more of [[], ['--dry-run']]) {
    const { status, stderr } = trigger(target, high, ...more);
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /a patch that this one depends on is not applied: expected patch [0-9a-f]{64}/,
    );
  }
  expect(target.maps()).toBe(before);
  s.apply(target, low);
  s.apply(target, high);
  expect(await target.ask('answer')).toBe('5001');
  for (const more of [['--revert'], ['--revert', '--dry-run']]) {
    const { status, stderr } = trigger(target, low, ...more);
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /another applied patch depends on this one: found patch [0-9a-f]{64}, .*high\.so/,
    );
  }
  expect(await target.ask('answer')).toBe('5001');
  s.revert(target, high);
  s.revert(target, low);
  expect(await target.ask('answer')).toBe('2');
});

scenario('a library that was replaced or deleted on disk is still found', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  renameSync(buildLibrary(s, 'another.so'), library);
  s.apply(target, patch);
  expect(await target.ask('answer')).toBe('1001');
  rmSync(library);
  expect(s.isApplied(target, patch)).toBe(true);
  s.revert(target, patch);
  expect(await target.ask('answer')).toBe('2');
});

scenario('several processes with the same patch do not know of each other', async (s) => {
  const { library, program, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const second = await s.start(program);
  s.apply(second, patch);
  expect(await target.ask('answer')).toBe('2');
  expect(await second.ask('answer')).toBe('1001');
});

scenario('a process whose only thread waits in vfork is left alone', async (s) => {
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const target = await s.start(s.program(source('vfork.c'), [library]));
  const { status, stderr } = trigger(target, patch, '--timeout', '500');
  expect(status).toBe(5);
  expect(stderr).toMatch(/no thread of it could be borrowed in time \(nothing was changed\)/);
  target.tell('x');
  expect(await target.line()).toBe('2');
  s.apply(target, patch);
  expect(s.isApplied(target, patch)).toBe(true);
});
