/**
 * A thread near the end of its stack: the gadget would be the end of its process, so it is left
 * alone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { die } from '../../../test-targets/harness/die';
import { expectNoTrace } from './no-trace';
import { buildLibrary, patchOf, scenario, source, trigger } from './setting';
import type { Scenario, Target } from './setting';
import { stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

/** As src/borrow/stack.ts says. */
const NEEDED = 512;
/** Not even a red zone; no frame; no call of the gadget's tail; a word. */
const TOO_LITTLE = [0, 300, 376, NEEDED - 8];
/** More than a tool has. */
const STEPS = 34;

function prepare(s: Scenario) {
  const library = buildLibrary(s);
  const program = s.program(source('stack-edge.c'), [library]);
  const start = async (who: string, how: string, room: number): Promise<Target> => {
    const target = await s.start(program, { args: [who, how, String(room)] });
    const tasks = `/proc/${target.pid}/task`;
    // Until it is where its arguments say: asleep in read(2), or on its way into it again and
    // again.
    const [first, last = first] = readdirSync(tasks).sort((a, b) => Number(a) - Number(b));
    const task = who === 'thread' || who === 'both' ? last : first;
    const there = how === 'runs' ? /^(running|0 )/ : /^0 /;
    const call = () => readFileSync(`${tasks}/${task}/syscall`, 'utf8');
    await waitFor(`thread ${task} where it ${how}`, call, (now) => there.test(now), target);
    // Its first thread ends, and with it go the maps and files that are compared.
    if (who === 'thread') {
      const state = () => stateOf(target.pid);
      await waitFor('the end of the first thread', state, (letter) => letter === 'Z', target);
    }
    return target;
  };
  return { start, patch: patchOf(s, library, 'fix', 1000) };
}

const REFUSAL =
  /no thread of it could be borrowed in time \(nothing was changed; thread \d+ has less than 512 bytes of its stack left/;

for (const who of ['walled', 'thread']) {
  scenario(`${who}, alone, sleeps with too little left: refused`, async (s) => {
    const { start, patch } = prepare(s);
    for (const room of TOO_LITTLE) {
      const target = await start(who, 'sleeps', room);
      expectNoTrace(target.pid, patch, { status: 5, fact: REFUSAL, soon: true });
      expect(await target.ask('')).toBe('2 0');
    }
  });

  scenario(`${who}, alone, runs with too little left: left alone`, async (s) => {
    const { start, patch } = prepare(s);
    for (const room of TOO_LITTLE) {
      const target = await start(who, 'runs', room);
      const before = target.maps();
      const { status, stderr } = trigger(target, patch, '--timeout', '300');
      expect(stderr).toMatch(/no thread of it could be borrowed in time/);
      expect(status).toBe(5);
      expect(target.maps()).toBe(before);
      expect(await target.ask('')).toBe('2 0');
    }
  });
}

for (const how of ['sleeps', 'runs'])
  scenario(
    `the first thread ${how} at its limit (RLIMIT_STACK): its stack grows for a tool`,
    async (s) => {
      const { start, patch } = prepare(s);
      for (const room of TOO_LITTLE) {
        const target = await start('main', how, room);
        s.apply(target, patch);
        expect(await target.ask('')).toMatch(/^1001 /);
        s.revert(target, patch);
        expect(await target.ask('')).toMatch(/^2 /);
      }
    },
  );

for (const how of ['sleeps', 'runs'])
  scenario(`another thread has enough: one that ${how} without is passed over`, async (s) => {
    const { start, patch } = prepare(s);
    const target = await start('both', how, 200);
    s.apply(target, patch);
    expect(await target.ask('')).toBe('1001 0');
    s.revert(target, patch);
    expect(await target.ask('')).toBe('2 0');
  });

scenario('with just enough: borrowed, whenever the tool dies, and no more is used', async (s) => {
  const { start, patch } = prepare(s);
  const target = await start('thread', 'sleeps', NEEDED);
  let most = 0;
  const ask = async (): Promise<number> => {
    const [answer, used] = (await target.ask('')).split(' ').map(Number);
    most = Math.max(most, used ?? NaN);
    return answer ?? NaN;
  };
  // More than three of them lie between the gadget's beginning and the thread's release.
  for (let step = 1; step <= STEPS; step += 3)
    die(target, patch, (await ask()) === 2 ? 'apply' : 'revert', step);
  await ask();
  s.apply(target, patch);
  expect(await ask()).toBe(1001);
  // The frame alone is not all: the gadget's tail has called as well.
  expect(most).toBeGreaterThan(344);
  expect(most).toBeLessThan(NEEDED);
});
