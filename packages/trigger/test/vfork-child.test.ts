/**
 * A child of vfork runs in its parent's memory: the tools refuse it, and name the parent, which is
 * patched when it may be.
 */
import { readFileSync } from 'node:fs';
import { expectNoTrace } from './no-trace';
import { buildLibrary, patchOf, scenario, source, type Scenario } from './setting';

async function prepare(s: Scenario, ...args: readonly string[]) {
  const library = buildLibrary(s);
  const target = await s.start(s.program(source('vfork-child.c'), [library]), { args });
  const patch = patchOf(s, library, 'fix', 1000);
  const child = Number(await target.line());
  const fact = new RegExp(
    `it runs in the memory of process ${target.pid}, .*patch process ${target.pid}`,
  );
  const expectRefused = (...more: readonly string[]): void => {
    for (const dry of [[], ['--dry-run']])
      expectNoTrace(child, patch, { status: 3, fact, more: [...more, ...dry] });
    expect(readFileSync(`/proc/${child}/status`, 'utf8')).toMatch(/^State:\s*S/m);
  };
  return { target, patch, expectRefused };
}

for (const end of ['exec', 'exit']) {
  scenario(`a child that ends by ${end}, and its parent, which waits for it`, async (s) => {
    const { target, patch, expectRefused } = await prepare(s, end);
    expectRefused();
    const fact = /no thread of it could be borrowed in time \(nothing was changed\)/;
    const more = ['--timeout', '300'];
    expectNoTrace(target.pid, patch, { status: 5, fact, more });
    expect(await target.ask('ask')).toBe('2');
    target.tell('end');
    s.apply(target, patch);
    expect(await target.line()).toBe('ready');
    expect(await target.ask('')).toBe('1001');
    s.revert(target, patch);
    expect(await target.ask('')).toBe('2');
  });

  scenario(`the parent has another thread: patched for both, then ${end}`, async (s) => {
    const { target, patch, expectRefused } = await prepare(s, end, 'thread');
    expectRefused();
    s.apply(target, patch);
    expect(await target.ask('ask')).toBe('1001');
    expectRefused('--revert');
    target.tell('end');
    expect(await target.line()).toBe('ready');
    expect(await target.ask('')).toBe('1001');
    s.revert(target, patch);
    expect(await target.ask('')).toBe('2');
  });
}
