import type { Scenario } from '../harness/scenario';
import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { runTool, succeed } from '../harness/tools';

async function prepare(s: Scenario): Promise<{ library: string; target: Target }> {
  const library = s.library('stacked/library.c', 'libstacked.so');
  const target = await s.start(s.program('stacked/program.c', [library]));
  return { library, target };
}

const patchOf = (
  s: Scenario,
  library: string,
  n: number,
  functions: string,
  depends: readonly string[] = [],
): string =>
  s.patch('stacked/patch.c', `patch${n}`, [[library, [...functions].map((f) => `${f}:new_${f}`)]], {
    args: [`-DN=${n}`],
    depends,
  });

scenario('the last patch of a function wins; reverting gives the one below', async (s) => {
  const { library, target } = await prepare(s);
  const second = patchOf(s, library, 2, 'fg');
  const third = patchOf(s, library, 3, 'gh');
  const fourth = patchOf(s, library, 4, 'fgh');
  s.apply(target, second);
  expect(await target.ask('')).toBe('2 2 1');
  s.apply(target, third);
  expect(await target.ask('')).toBe('2 3 3');
  s.apply(target, fourth);
  expect(await target.ask('')).toBe('4 4 4');
  s.revert(target, third); // not on top anywhere
  expect(await target.ask('')).toBe('4 4 4');
  s.revert(target, fourth);
  expect(await target.ask('')).toBe('2 2 1');
  s.revert(target, second);
  expect(await target.ask('')).toBe('1 1 1');
  expect(target.maps()).not.toMatch(/patch\d\.so/);
});

scenario('a patch that another one needs stays, and comes first', async (s) => {
  const { library, target } = await prepare(s);
  const base = patchOf(s, library, 2, 'f');
  const upon = patchOf(s, library, 3, 'fg', [base]);
  const missing = runTool('ulp-trigger', [target.pid, upon]);
  expect(missing.status).toBe(3);
  expect(missing.stderr).toMatch(
    /a patch that this one depends on is not applied: expected patch [0-9a-f]{64}/,
  );
  expect(await target.ask('')).toBe('1 1 1');

  s.apply(target, base);
  s.apply(target, upon);
  expect(await target.ask('')).toBe('3 3 1');
  const needed = runTool('ulp-trigger', [target.pid, base, '--revert']);
  expect(needed.status).toBe(3);
  expect(needed.stderr).toMatch(
    /another applied patch depends on this one: found patch [0-9a-f]{64}/,
  );
  expect(await target.ask('')).toBe('3 3 1');
  s.revert(target, upon);
  s.revert(target, base);
  expect(await target.ask('')).toBe('1 1 1');
});

scenario('ten rounds of stacking leave nothing behind', async (s) => {
  const { library, target } = await prepare(s);
  const second = patchOf(s, library, 2, 'fgh');
  const third = patchOf(s, library, 3, 'g');
  const mappings = (): number => target.maps().split('\n').length;
  const round = (): void => {
    s.apply(target, second);
    s.apply(target, third);
    s.revert(target, second);
    s.revert(target, third);
  };
  round();
  const before = mappings();
  for (let i = 0; i < 10; i++) round();
  expect(await target.ask('')).toBe('1 1 1');
  expect(mappings()).toBe(before);
  const { processes } = JSON.parse(succeed('ulp-inspect', target.pid, '--json')) as {
    processes: [{ patches: unknown }];
  };
  const [{ patches }] = processes;
  expect(patches).toEqual([]);
});
