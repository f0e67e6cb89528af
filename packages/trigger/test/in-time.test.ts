/** Requests that take too long, and tools that meet at one process. */
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { NOBODY } from '../../../test-targets/harness/tools';
import { asRoot, begin, buildLibrary, patchOf, runAside, runTool, scenario } from './setting';
import { source, trigger, type Scenario, type Target } from './setting';
import { waitFor } from '../../../test-targets/harness/wait.cjs';
import { givenLittleTime } from '../../../test-targets/harness/little-time';

scenario('a process that holds the lock of its loader: given up, nothing changed', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('lock');
  const soon = (fact: RegExp) =>
    givenLittleTime((ms) => trigger(target, patch, '--timeout', String(ms)), fact);
  const heldUp = /held up.*nothing was changed; the request is called off/;
  const first = soon(heldUp);
  expect(first.status).toBe(5);
  expect(first.stderr).toMatch(heldUp);
  const atWork = /an earlier request is still being worked on \(nothing was changed\)/;
  const second = soon(atWork);
  expect(second.status).toBe(5);
  expect(second.stderr).toMatch(atWork);
  expect(await target.ask('answer')).toBe('2');
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);

  await target.ask('unlock');
  // waits for the helper, which finds itself called off
  const third = trigger(target, patch, '--revert');
  expect(third.status).toBe(0);
  expect(await target.ask('answer')).toBe('2');
  expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
  expect(await target.ask('answer')).toBe('1001');
});

scenario('only the unloading is held up: the revert is done', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  s.apply(target, patch);
  await target.ask('lock');
  const { status, stdout } = givenLittleTime((ms) =>
    trigger(target, patch, '--revert', '--timeout', String(ms)),
  );
  expect(status).toBe(0);
  expect(stdout).toContain('reverted');
  expect(await target.ask('answer')).toBe('2');
  expect(runTool('ulp-check', [target.pid, patch]).status).toBe(1);
  await target.ask('unlock');
  expect(trigger(target, patch).status).toBe(0);
  expect(await target.ask('answer')).toBe('1001');
});

async function helperLives({ pid }: Target): Promise<void> {
  const threads = () => readdirSync(`/proc/${pid}/task`);
  await waitFor('the helper, as the third thread', threads, ({ length }) => length >= 3, { pid });
}

/**
 * A change that is begun and held up, by the lock of the loader: `tool` goes on, and its helper
 * lives.
 */
async function beginHeldUp(s: Scenario) {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('lock');
  const tool = runAside('ulp-trigger', [target.pid, patch, '--timeout', 60_000]);
  await helperLives(target);
  return { target, patch, tool };
}

scenario('a process that ends meanwhile', async (s) => {
  const { target, tool } = await beginHeldUp(s);
  target.tell('die');
  const { status, stderr } = await tool;
  expect(status).toBe(4);
  expect(stderr).toMatch(/^ulp-trigger: process \d+: /);
});

for (const [what, command] of [
  ['', 'execute'],
  [', and whose old memory lives on', 'execute keep'],
] as const)
  scenario(`a process that executes another program meanwhile${what}`, async (s) => {
    const { target, patch, tool } = await beginHeldUp(s);
    expect(await target.ask(command)).toBe('ready');
    const { status, stderr } = await tool;
    expect(stderr).toMatch(/has executed another program/);
    expect(status).toBe(4);
    expect(await target.ask('answer')).toBe('2');
    // The new one is patched like any other.
    s.apply(target, patch);
    expect(await target.ask('answer')).toBe('1001');
  });

asRoot(scenario)(
  'a process that gives up its rights meanwhile: its user is answered',
  async (s) => {
    chmodSync(s.room, 0o755);
    const library = buildLibrary(s);
    const program = s.program(source('program.c'), [library]);
    const patch = patchOf(s, library, 'fix', 1000);
    const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    const target = await s.start('setpriv', { args: [...ids, program] });
    await target.ask('lock');
    let tool = 0;
    const end = runAside('ulp-trigger', [target.pid, patch, '--timeout', 60_000], {
      uid: NOBODY,
      begun: (pid) => (tool = pid),
    });
    await helperLives(target);
    expect(await target.ask('hide')).toBe('hidden');
    // It looks for the answer many times, and whether the process is still the same one.
    const calls = (): number =>
      Number(/^syscr: (\d+)$/m.exec(readFileSync(`/proc/${tool}/io`, 'utf8'))?.[1]);
    const enough = calls() + 1000;
    const isEnough = (count: number) => count >= enough;
    await waitFor(`${enough} calls of read(2)`, calls, isEnough, { pid: tool });
    await target.ask('unlock');
    expect(await end).toMatchObject({ status: 0, stderr: '' });
    expect(await target.ask('answer')).toBe('1001');
  },
);

scenario('a slow process is waited for', async (s) => {
  const { library, target } = await begin(s);
  const patch = patchOf(s, library, 'fix', 1000);
  await target.ask('lock');
  const slow = runAside('ulp-trigger', [target.pid, patch, '--timeout', 60_000]);
  const late = runAside('ulp-trigger', [target.pid, patch, '--timeout', 60_000]);
  await target.ask('unlock');
  expect((await slow).status).toBe(0);
  expect((await late).status).toBe(0);
  expect(await target.ask('answer')).toBe('1001');
});

scenario('many tools at once take turns', async (s) => {
  const { library, target } = await begin(s);
  const low = patchOf(s, library, 'low', 1000);
  const high = patchOf(s, library, 'high', 5000, [low]);
  s.apply(target, low);
  for (let round = 0; round < 4; round++) {
    const more = round % 2 === 0 ? [] : ['--revert'];
    const outcomes = await Promise.all(
      [high, high, high, high].map((p) => runAside('ulp-trigger', [target.pid, p, ...more])),
    );
    for (const { status, stderr } of outcomes)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(await target.ask('answer')).toBe(round % 2 === 0 ? '5001' : '1001');
  }
});

/** The state after a revert, and after a patch, that somebody else has changed meanwhile. */
const UNDONE = [/"state": ?"applied"/, /"state": ?"(absent|reverted)"/];

scenario('who applies and who reverts, with either tool, take turns', async (s) => {
  const { library, target } = await begin(s);
  const { pid } = target;
  const patch = patchOf(s, library, 'fix', 1000);
  for (let round = 0; round < 4; round++) {
    const outcomes = await Promise.all([
      runAside('ulp-trigger', [pid, patch]),
      runAside('ulp-trigger', [pid, patch, '--revert']),
      runAside('ulp-dispatcher', ['revert', patch, pid, '--json']),
      runAside('ulp-dispatcher', ['patch', patch, pid, '--json']),
    ]);
    for (const [i, { status, stdout, stderr }] of outcomes.entries()) {
      // ulp-dispatcher says what holds in the end: another one may have been faster than its last
      // look.
      const isUndone = i >= 2 && UNDONE[i - 2]?.test(stdout);
      expect({ status, stderr }).toEqual({ status: isUndone ? 1 : 0, stderr: '' });
    }
    const isApplied = runTool('ulp-check', [pid, patch]).status === 0;
    expect(await target.ask('answer')).toBe(isApplied ? '1001' : '2');
  }
});
