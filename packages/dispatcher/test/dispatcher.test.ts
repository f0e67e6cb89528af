/** Many processes: those that map the library, by build-id, whatever became of its file. */
import { renameSync, rmSync } from 'node:fs';
import { dispatcherSchema } from '../src/schema';
import { ownBuildId } from '../../../test-targets/harness/build';
import { die } from '../../../test-targets/harness/die';
import { scenario, type Scenario } from '../../../test-targets/harness/scenario';
import type { Target } from '../../../test-targets/harness/target';
import { runTool } from '../../../test-targets/harness/tools';

interface Row {
  readonly pid: number;
  readonly state: string;
  readonly changed: boolean;
  readonly earlier: 'finished' | 'dropped' | null;
  readonly error: { readonly code: string } | null;
}

/** The document, checked against its schema; only the rows of these targets. */
function dispatch(
  action: string,
  patch: string,
  targets: readonly Target[],
  ...more: (string | number)[]
): { status: number | null; rows: (Row | undefined)[] } {
  const { status, stdout } = runTool('ulp-dispatcher', [action, patch, ...more, '--json']);
  const { processes } = dispatcherSchema.parse(JSON.parse(stdout));
  return { status, rows: targets.map((t) => processes.find((row) => row.pid === t.pid)) };
}

interface Setting {
  readonly library: string;
  readonly patch: string;
  readonly program: string;
}
function prepare(s: Scenario): Setting {
  const library = s.library('simple/library.c', 'libsimple.so', { args: [ownBuildId()] });
  const patch = s.patch('simple/patch.c', 'fix', [[library, ['answer:new_answer']]]);
  return { library, patch, program: s.program('simple/program.c', [library]) };
}

scenario('every process that maps the library is patched, checked and reverted', async (s) => {
  const { library, patch, program } = prepare(s);
  const targets = [await s.start(program), await s.start(program), await s.start(program)];
  expect(dispatch('check', patch, targets).status).toBe(1);
  // The file is replaced by another one, then removed: the processes still map the old one.
  renameSync(library, `${library}.old`);
  const late = dispatch('patch', patch, targets);
  expect(late.status).toBe(0);
  for (const row of late.rows)
    expect(row).toMatchObject({ state: 'applied', changed: true, error: null });
  rmSync(`${library}.old`);
  for (const target of targets) expect(await target.ask('answer')).toBe('1001');
  expect(dispatch('check', patch, targets)).toMatchObject({ status: 0 });
  const again = dispatch('patch', patch, targets);
  for (const row of again.rows) expect(row).toMatchObject({ state: 'applied', changed: false });
  const reverted = dispatch('revert', patch, targets);
  expect(reverted.status).toBe(0);
  for (const row of reverted.rows) expect(row?.state).toMatch(/absent|reverted/);
  for (const target of targets) expect(await target.ask('answer')).toBe('2');
});

scenario('one that fails does not keep the others from being patched', async (s) => {
  const { patch, program } = prepare(s);
  const bare = await s.start(program, { bare: true });
  const good = await s.start(program);
  const { status, rows } = dispatch('patch', patch, [bare, good]);
  expect(status).toBe(1);
  expect(rows).toMatchObject([
    { state: 'failed', error: { code: 'runtime-absent' } },
    { state: 'applied', error: null },
  ]);
  expect(await good.ask('answer')).toBe('1001');
  expect(await bare.ask('answer')).toBe('2');
});

scenario('a dry run changes nothing; one process can be named', async (s) => {
  const { patch, program } = prepare(s);
  const [first, second] = [await s.start(program), await s.start(program)];
  const dry = dispatch('patch', patch, [first, second], '--dry-run');
  expect(dry.status).toBe(0);
  for (const row of dry.rows) expect(row).toMatchObject({ state: 'absent', changed: true });
  expect(await first.ask('answer')).toBe('2');
  expect(dispatch('patch', patch, [first], first.pid).status).toBe(0);
  expect(await first.ask('answer')).toBe('1001');
  expect(await second.ask('answer')).toBe('2');
});

scenario(
  'no process concerned is a success; what a named one refuses is told as ulp-trigger does',
  async (s) => {
    const { patch, program } = prepare(s);
    expect(runTool('ulp-dispatcher', ['patch', patch])).toMatchObject({
      status: 0,
      stdout: 'no process has a target library loaded\n',
    });
    const bare = await s.start(program, { bare: true });
    const { status, stderr } = runTool('ulp-dispatcher', ['patch', patch, bare.pid]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/libpulp\.so is not loaded/);
    expect(runTool('ulp-dispatcher', ['patch', patch, 2 ** 30]).status).toBe(4);
    expect(runTool('ulp-dispatcher', ['patch', `${patch}.no`]).status).toBe(2);
    expect(runTool('ulp-dispatcher', ['mend', patch]).status).toBe(2);
  },
);

scenario(
  'killed before each step, and what it had begun is finished by the next one',
  async (s) => {
    const { patch, program } = prepare(s);
    const target = await s.start(program);
    for (const [action, undo, before, after] of [
      ['apply', 'revert', '2', '1001'],
      ['revert', 'patch', '1001', '2'],
    ] as const) {
      let finished = 0;
      let step = 1;
      for (; die(target, patch, action, step, 'dispatcher') === undefined; step++) {
        expect([before, after]).toContain(await target.ask('answer'));
        const repaired = dispatch(undo, patch, [target], target.pid);
        expect(repaired.status).toBe(0);
        if (repaired.rows[0]?.earlier === 'finished') finished++;
        expect(await target.ask('answer')).toBe(before);
      }
      expect(await target.ask('answer')).toBe(after);
      expect(step).toBeGreaterThan(15);
      expect(finished).toBeGreaterThan(0);
    }
  },
);
