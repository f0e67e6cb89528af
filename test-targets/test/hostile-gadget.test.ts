/**
 * Launch gadgets that do something else than to launch. A process that sends its own thread astray
 * harms itself at worst: the tool ends in time, holds nobody, and gives back a thread that can be
 * given back.
 */
import { Hostile, heldThreads } from '../harness/hostile';
import { scenario } from '../harness/scenario';
import { Target } from '../harness/target';
import { givenLittleTime } from '../harness/little-time';

interface Outcome {
  readonly status: 0 | 3 | 4 | 5;
  readonly fact: RegExp;
  /**
   * What it says to a line afterwards; none: its thread is where the gadget has led it, or it has
   * ended.
   */
  readonly answer?: string;
  readonly ends?: true;
}

const HELD_UP: Outcome = { status: 5, fact: /the helper in it is held up.*called off/ };
const failed = (signal: number): Outcome => ({
  status: 3,
  fact: new RegExp(`helper could not be started: found signal ${signal} in the gadget`),
  answer: '2',
});
const ENDED: Outcome = {
  status: 4,
  fact: /it ended while the patch was being loaded \(.*changed: unknown\)/,
  ends: true,
};
const EXECUTED: Outcome = {
  status: 4,
  fact: /it has ended or has executed another program/,
  // cat's.
  answer: 'a line',
};

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  loops: HELD_UP,
  sleeps: HELD_UP,
  faults: failed(4),
  traps: failed(5),
  'leads-astray': failed(11),
  exits: ENDED,
  ends: ENDED,
  executes: EXECUTED,
  'executes-as-other': EXECUTED,
  'is-everything': { status: 0, fact: /^$/, answer: '1001' },
};

for (const [how, { status, fact, answer, ends }] of Object.entries(OUTCOMES))
  scenario(`the gadget ${how}`, async (s) => {
    const hostile = new Hostile(s);
    const target = await Target.start(hostile.program('gadget'), { args: [how] });
    const pid = String(target.pid);
    try {
      const outcome = givenLittleTime(
        (ms) => hostile.run('ulp-trigger', [pid, hostile.patch, '--timeout', String(ms)]),
        fact,
      );
      expect(outcome).toMatchObject({ status, stderr: expect.stringMatching(fact) as string });
      if (!ends) expect(heldThreads(target.pid)).toEqual([]);
      if (answer !== undefined) expect(await target.ask('a line')).toBe(answer);
    } finally {
      target.kill();
    }
  });
