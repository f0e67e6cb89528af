/**
 * Coroutines of real libraries, suspended inside of a live-patchable one: test-targets/coroutines.
 */
import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { runBeside } from '../harness/programs.cjs';
import { scenario, type Scenario } from '../harness/scenario';
import { takenSlots } from '../harness/slots';
import type { Target } from '../harness/target';
import { runTool, succeed } from '../harness/tools';
import { LONG_MS } from '../harness/wait.cjs';

const KINDS = ['boost-fiber', 'boost-callcc', 'by-hand', 'by-signal', 'greenlet'] as const;
type Kind = (typeof KINDS)[number];

const ROUNDS = { compiled: 100, python: 20 };
const FLAPS = 20;
const source = (name: string): string => join(TARGETS, 'coroutines', name);

interface Prepared {
  readonly target: Target;
  readonly patch: string;
}

async function prepare(s: Scenario, kind: Kind): Promise<Prepared> {
  const library = s.library('coroutines/library.c', 'libcoroutines.so');
  const patch = s.patch('coroutines/patch.c', 'fix', [
    [library, ['value:new_value', 'run:new_run']],
  ]);
  if (kind === 'greenlet') {
    // Debian's: another Python that comes first in PATH has no greenlet.
    const args = [source('greenlets.py'), library];
    return { target: await s.start('/usr/bin/python3', { args }), patch };
  }
  const more = [source('kinds.cc'), '-lboost_context'];
  const program = s.program('coroutines/program.cc', [library], more);
  return { target: await s.start(program, { args: [kind] }), patch };
}

const isMigrated = (s: Scenario, { target, patch }: Prepared): boolean =>
  (JSON.parse(s.check(target, patch, '--json').stdout) as { migrated: boolean }).migrated;

/** A thread whose stacks cannot be told apart stays in its universe, and the tools name it. */
function isPinned({ target }: Prepared): boolean {
  const { processes } = JSON.parse(succeed('ulp-inspect', target.pid, '--json')) as {
    processes: [{ threads: { claims: { pinned: boolean }[] }[] }];
  };
  return processes[0].threads.some(({ claims }) => claims.some(({ pinned }) => pinned));
}

/** @returns what the program that applies and reverts says, when it fails */
async function flap(pid: number, patch: string): Promise<string> {
  const args = [join(TARGETS, 'harness/flap.mjs'), pid, patch, FLAPS];
  const { status, stderr } = await runBeside(process.execPath, args, { timeout: LONG_MS });
  return status === 0 ? '' : stderr;
}

describe.each(KINDS)('%s', (kind) => {
  const rounds = kind === 'greenlet' ? ROUNDS.python : ROUNDS.compiled;

  scenario(
    `${kind}: where no patch was ever applied, nothing happens, and no slot is lost`,
    async (s) => {
      const { target } = await prepare(s, kind);
      expect(await target.ask(`rounds ${rounds} 3`)).toBe('ok');
      const slots = takenSlots(target.pid);
      expect(await target.ask(`rounds ${rounds} 3`)).toBe('ok');
      expect(takenSlots(target.pid)).toBeLessThanOrEqual(slots);
      expect(await target.ask('value')).toBe('1');
    },
  );

  for (const how of ['suspend', 'suspend inside'])
    scenario(
      `${kind}: ${how}: it keeps its version, and the patch into which it returns`,
      async (s) => {
        const prepared = await prepare(s, kind);
        const { target, patch } = prepared;
        expect(await target.ask(how)).toBe('suspended');
        expect(await target.ask('value')).toBe('1'); // a first call of the thread ends
        s.apply(target, patch);
        expect(isMigrated(s, prepared)).toBe(false);
        expect(await target.ask('value')).toMatch(/^[12]$/);
        expect(isMigrated(s, prepared)).toBe(false);
        expect(await target.ask('finish')).toMatch(/^1 then [12]$/);
        const seen = await target.ask('value');
        if (isPinned(prepared)) return;
        expect(seen).toBe('2');
        expect(s.check(target, patch, '--wait', '10000').status).toBe(0);
        expect(isMigrated(s, prepared)).toBe(true);

        expect(await target.ask(how)).toBe('suspended');
        expect(await target.ask('value')).toBe('2');
        s.revert(target, patch);
        expect(await target.ask('value')).toMatch(/^[12]$/);
        expect(target.maps()).toContain('fix.so');
        expect(await target.ask('finish')).toMatch(/^2 then [12]$/);
        expect(await target.ask('value')).toBe('1');
        s.revert(target, patch);
        expect(target.maps()).not.toContain('fix.so');
      },
    );

  scenario(`${kind}: three threads under a patch that comes and goes`, async (s) => {
    const prepared = await prepare(s, kind);
    const { target, patch } = prepared;
    expect(await target.ask('start 3')).toBe('started');
    expect(await flap(target.pid, patch)).toBe('');
    expect(await target.ask('stop')).toBe('ok');
    if (isPinned(prepared)) return;
    expect(await target.ask('value')).toBe('1');
    const { status, stderr } = runTool('ulp-trigger', [target.pid, patch, '--revert']);
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect(target.maps()).not.toContain('fix.so');
  });
});
