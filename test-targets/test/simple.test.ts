import { scenario } from '../harness/scenario';
import { runTool, succeed } from '../harness/tools';

scenario('an exported function is replaced, and put back; the patch is unloaded', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  const target = await s.start(s.program('simple/program.c', [library]));
  expect(await target.ask('answer')).toBe('2');
  expect(s.isApplied(target, patch)).toBe(false);

  s.apply(target, patch);
  expect(await target.ask('answer')).toBe('1001');
  expect(await target.ask('pointer')).toBe('1001');
  expect(await target.ask('static')).toBe('21');
  expect(s.isApplied(target, patch)).toBe(true);
  expect(target.maps()).toContain('fix.so');

  s.revert(target, patch);
  expect(await target.ask('answer')).toBe('2');
  expect(s.isApplied(target, patch)).toBe(false);
  expect(target.maps()).not.toContain('fix.so');
});

scenario('a static function is replaced', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['twice:new_twice']]]);
  const target = await s.start(s.program('simple/program.c', [library]));
  s.apply(target, patch);
  expect(await target.ask('static')).toBe('201');
  expect(await target.ask('answer')).toBe('2');
  s.revert(target, patch);
  expect(await target.ask('static')).toBe('21');
});

scenario('applying twice and reverting twice are quiet successes', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  const target = await s.start(s.program('simple/program.c', [library]));
  expect(succeed('ulp-trigger', target.pid, patch, '--revert')).toContain('nothing to do');
  s.apply(target, patch);
  expect(succeed('ulp-trigger', target.pid, patch)).toContain('already applied');
  expect(await target.ask('answer')).toBe('1001');
  s.revert(target, patch);
  expect(succeed('ulp-trigger', target.pid, patch, '--revert')).toContain('nothing to do');
  for (let i = 0; i < 10; i++) {
    s.apply(target, patch);
    expect(await target.ask('answer')).toBe('1001');
    s.revert(target, patch);
    expect(await target.ask('answer')).toBe('2');
  }
});

scenario('a dry run tells what would be done and changes nothing', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  const target = await s.start(s.program('simple/program.c', [library]));
  const before = target.maps();
  const text = succeed('ulp-trigger', target.pid, patch, '--dry-run');
  expect(text).toMatch(/would be applied\n.*libsimple\.so: answer \(0x[0-9a-f]+\) -> new_answer/);
  expect(target.maps()).toBe(before);
  expect(await target.ask('answer')).toBe('2');
});

scenario('a process without libpulp.so runs as before and is refused', async (s) => {
  const library = s.library('simple/library.c', 'libsimple.so');
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  const target = await s.start(s.program('simple/program.c', [library]), { bare: true });
  expect(await target.ask('answer')).toBe('2');
  expect(await target.ask('pointer')).toBe('2');
  for (const tool of ['ulp-trigger', 'ulp-check']) {
    const { status, stdout, stderr } = runTool(tool, [target.pid, patch]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toMatch(/process \d+: libpulp\.so is not loaded/);
  }
  expect(await target.ask('answer')).toBe('2');
});
