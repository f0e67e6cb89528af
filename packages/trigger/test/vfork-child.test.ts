/** A child of vfork runs in its parent's memory: the tools refuse it, and name the parent. */
import { readFileSync } from 'node:fs';
import { expectNoTrace } from './no-trace';
import { buildLibrary, patchOf, scenario, source } from './setting';

scenario('a child of vfork that has executed no program yet', async (s) => {
  const library = buildLibrary(s);
  const target = await s.start(s.program(source('vfork-child.c'), [library]));
  const patch = patchOf(s, library, 'fix', 1000);
  const child = Number(await target.line());
  const fact = new RegExp(
    `it runs in the memory of process ${target.pid}, .*patch process ${target.pid}`,
  );
  for (const more of [[], ['--dry-run']]) expectNoTrace(child, patch, { status: 3, fact, more });
  expect(readFileSync(`/proc/${child}/status`, 'utf8')).toMatch(/^State:\s*S/m);
  // Its input ends now: the child ends, the parent goes on and ends by itself.
});
