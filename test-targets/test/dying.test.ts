/** A process that ends because of a patch: told as such, and not as one that never was. */
import { scenario, type Scenario } from '../harness/scenario';
import { Target } from '../harness/target';
import { runTool, succeed } from '../harness/tools';

/** How the patch ends the process, and how that then ended. */
const WAYS = [
  ['ABORT', 'SIGABRT'],
  ['FAULT', 'SIGSEGV'],
  ['EXIT', 0],
  ['EXIT_AT_ONCE', 3],
  ['BY_THREAD', 4],
] as const;

const LOADING = 'it ended while the patch was being loaded';
const UNKNOWN = '(perhaps because of the patch; changed: unknown)';

class Dying {
  readonly library: string;
  readonly program: string;

  constructor(private readonly s: Scenario) {
    this.library = s.library('loading/library.c', 'libdying.so');
    this.program = s.program('runtimes/program.c', []);
  }

  patch(begins: string, ends = 'NOT'): string {
    const args = [`-DBEGINS=${begins}`, `-DENDS=${ends}`];
    const pairs = [[this.library, ['loaded_value:new_loaded_value']]] as const;
    return this.s.patch('dying/patch.c', 'fix', pairs, { args });
  }

  /** Not of the scenario, which expects that its programs live on. */
  async start(): Promise<Target> {
    const target = await Target.start(this.program);
    expect(await target.ask(`local ${this.library}`)).toBe('loaded');
    return target;
  }
}

for (const [way, end] of WAYS) {
  scenario(`in its constructor: ${way}`, async (s) => {
    const dying = new Dying(s);
    const patch = dying.patch(way);
    const first = await dying.start();
    expect(runTool('ulp-trigger', [first.pid, patch])).toEqual({
      status: 4,
      stdout: '',
      stderr: `ulp-trigger: process ${first.pid}: ${LOADING} ${UNKNOWN}\n`,
    });
    expect(await first.end()).toBe(end);
    const [second, third] = [await dying.start(), await dying.start()];
    const one = runTool('ulp-dispatcher', ['patch', patch, second.pid]);
    expect(one).toMatchObject({ status: 4, stderr: expect.stringContaining(LOADING) as string });
    expect(await second.end()).toBe(end);
    // Over all of them: a failure, and no process that merely ended.
    const { status, stdout } = runTool('ulp-dispatcher', ['patch', patch, '--json']);
    expect(status).toBe(1);
    expect((JSON.parse(stdout) as { processes: unknown }).processes).toEqual([
      expect.objectContaining({
        pid: third.pid,
        state: 'failed',
        error: {
          code: 'process-ended',
          message: `process ${third.pid}: ${LOADING} ${UNKNOWN}`,
          changed: 'unknown',
        },
      }),
    ]);
    expect(await third.end()).toBe(end);
  });
}

scenario('in its destructor', async (s) => {
  const dying = new Dying(s);
  const patch = dying.patch('NOT', 'ABORT');
  const target = await dying.start();
  succeed('ulp-trigger', target.pid, patch);
  expect(await target.ask('value')).toBe('2');
  const { status, stderr } = runTool('ulp-trigger', [target.pid, patch, '--revert']);
  // How far the helper has come is known by the last look at it, which may be too old.
  expect({ status, stderr }).toEqual({
    status: 4,
    stderr: expect.stringMatching(
      /: it ended (when the patch was reverted .*yes\)|while the patch was being taken back .*unknown\))\n$/,
    ) as string,
  });
  expect(await target.end()).toBe('SIGABRT');
});

scenario('a process that ended before is no such process', async (s) => {
  const dying = new Dying(s);
  const target = await dying.start();
  expect(await target.end()).toBe(0);
  const { status, stderr } = runTool('ulp-trigger', [target.pid, dying.patch('NOT')]);
  expect({ status, stderr }).toEqual({
    status: 4,
    stderr: `ulp-trigger: process ${target.pid}: no such process\n`,
  });
});
