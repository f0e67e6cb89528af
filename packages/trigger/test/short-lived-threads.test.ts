/**
 * Threads that begin and end without pause: one that ends under our hands is no reason to give up.
 */
import { buildLibrary, patchOf, runTool, scenario, source, trigger, type Target } from './setting';
import { TEST_MS, waitFor } from '../../../test-targets/harness/wait.cjs';

const PAIRS = Number(process.env.ULP_TEST_PAIRS ?? 15);
jest.setTimeout(TEST_MS + PAIRS * 10_000);

async function look(target: Target) {
  const [threads = 0, wrong = 0, answer = 0] = (await target.ask('')).split(' ').map(Number);
  return { threads, wrong, answer };
}

/** What it says when so many threads later all have begun after the change. */
async function later(target: Target) {
  const { threads } = await look(target);
  const isLater = (now: { threads: number }) => now.threads > threads + 10;
  return waitFor(`more than ${threads + 10} threads`, () => look(target), isLater, target);
}

for (const [what, args] of [
  ['beside a thread that stays', []],
  ['and no other thread at all', ['alone']],
] as const)
  scenario(`threads that come and go, ${what}`, async (s) => {
    const library = buildLibrary(s);
    const patch = patchOf(s, library, 'fix', 1000);
    const target = await s.start(s.program(source('relay.c'), [library]), { args });
    for (let pair = 0; pair < PAIRS; pair++) {
      expect(trigger(target, patch)).toMatchObject({ status: 0, stderr: '' });
      expect((await later(target)).answer).toBe(1001);
      expect(runTool('ulp-check', [target.pid, patch])).toMatchObject({ status: 0, stderr: '' });
      expect(trigger(target, patch, '--revert')).toMatchObject({ status: 0, stderr: '' });
      expect((await later(target)).answer).toBe(2);
      expect(runTool('ulp-check', [target.pid, patch, '--threads'])).toMatchObject({ status: 1 });
      expect(runTool('ulp-inspect', [target.pid])).toMatchObject({ status: 0, stderr: '' });
    }
    expect((await look(target)).wrong).toBe(0);
  });
