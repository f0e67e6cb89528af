import { scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { runTool, succeed } from '../harness/tools';
import { HANG_MS } from '../harness/wait.cjs';

async function answers(target: Target, version: 'old' | 'new'): Promise<void> {
  const sum = version === 'old' ? '2' : '201';
  for (const [line, expected] of [
    ['throw', `caught ${version}`],
    ['callback', 'caught callback'],
    ['nested', `caught ${version}`],
    ['plain', sum],
    ['longjmp', 'jumped'],
    ['plain', sum],
    ['backtrace', 'deep'],
    ['exit', '7'],
    ['cancel', 'cancelled'],
    ['plain', sum],
  ] as const)
    expect(`${line}: ${await target.ask(line)}`).toBe(`${line}: ${expected}`);
}

/** Nobody has been left inside: the next state is seen at once. */
function allOutside(target: Target): void {
  const { processes } = JSON.parse(succeed('ulp-inspect', target.pid, '--json')) as {
    processes: [{ threads: readonly { claims: readonly unknown[] }[] }];
  };
  const [{ threads }] = processes;
  for (const { claims } of threads)
    for (const claim of claims) expect(claim).toMatchObject({ inside: false, pinned: false });
}

scenario('every way out of a library works through tracked frames', async (s) => {
  const library = s.library('exceptions/library.cc', 'libexceptions.so');
  const patch = s.patch('exceptions/patch.cc', 'fix', [
    [library, ['thrower:new_thrower', 'relay:new_relay']],
  ]);
  const target = await s.start(s.program('exceptions/program.cc', [library]));
  await answers(target, 'old');
  allOutside(target);
  s.apply(target, patch);
  await answers(target, 'new');
  expect(runTool('ulp-check', [target.pid, patch, '--wait', HANG_MS]).status).toBe(0);
  allOutside(target);
  s.revert(target, patch);
  await answers(target, 'old');
  allOutside(target);
  expect(target.maps()).not.toContain('fix.so');
});

scenario('the same without libpulp.so', async (s) => {
  const library = s.library('exceptions/library.cc', 'libexceptions.so');
  const program = s.program('exceptions/program.cc', [library]);
  await answers(await s.start(program, { bare: true }), 'old');
});
