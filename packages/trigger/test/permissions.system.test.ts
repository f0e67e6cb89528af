/**
 * Not root: a process of the same user, of another one, one with capabilities; with Yama and
 * without.
 */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NOBODY } from '../../../test-targets/harness/tools';
import { asRoot, BIN, buildLibrary, patchOf, scenario, source } from './setting';
import type { Scenario, Target } from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

const STRANGER = NOBODY - 1;
const SCOPE = '/proc/sys/kernel/yama/ptrace_scope';
/** undefined: without Yama. */
const scope = existsSync(SCOPE) ? Number(readFileSync(SCOPE, 'utf8')) : undefined;
/** The machine's own, and those that may be set for a moment: of the whole machine. */
const SCOPES = new Set([scope, ...(process.env.ULP_TEST_YAMA?.split(',').map(Number) ?? [])]);

/** Options of setpriv(1). */
const as = (id: number): string[] => ['--reuid', `${id}`, '--regid', `${id}`, '--clear-groups'];
const LESS = ['--bounding-set', '-sys_ptrace'];
const MORE = ['--inh-caps', '+net_bind_service', '--ambient-caps', '+net_bind_service'];

function prepare(s: Scenario) {
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  const program = s.program(source('privileges.c'), [library]);
  const start = (who: readonly string[], ...args: string[]): Promise<Target> =>
    s.start('setpriv', { args: [...who, program, ...args] });
  return { start, patch: patchOf(s, library, 'fix', 1000) };
}

/** Every command of one process, in the order in which they do something. */
const commands = (patch: string) =>
  [
    [['ulp-inspect'], '2'],
    [['ulp-trigger', patch, '--dry-run'], '2'],
    [['ulp-trigger', patch], '1001'],
    [['ulp-check', patch], '1001'],
    [['ulp-trigger', patch, '--revert'], '2'],
  ] as const;

function run(who: readonly string[], { pid }: Target, [tool, ...more]: readonly string[]) {
  const args = [...who, join(BIN, tool ?? ''), `${pid}`, ...more];
  const { status, stderr } = runProgram('setpriv', args, { encoding: 'utf8' });
  return { line: [tool, ...more], status, stderr };
}

async function expectAllowed(who: readonly string[], target: Target, patch: string): Promise<void> {
  for (const [line, answer] of commands(patch)) {
    expect(run(who, target, line)).toEqual({ line, status: 0, stderr: '' });
    expect(await target.ask('answer')).toBe(answer);
  }
}

async function expectDenied(
  who: readonly string[],
  target: Target,
  patch: string,
  fact: RegExp,
): Promise<void> {
  const before = target.maps();
  for (const [line] of commands(patch)) {
    const stderr = expect.stringMatching(fact) as string;
    expect(run(who, target, line)).toEqual({ line, status: 4, stderr });
    expect(await target.ask('answer')).toBe('2');
  }
  expect(target.maps()).toBe(before);
}

if (scope === undefined) console.warn('skipped: this kernel has no Yama');
else if (SCOPES.size < 4)
  console.warn(
    'skipped in part: ULP_TEST_YAMA=0,1,2 sets these for a moment (3 too, until the machine starts again)',
  );

/** In a machine with Yama, under this one of its scopes. */
function under(value: number | undefined, body: (s: Scenario) => Promise<void>) {
  return async (s: Scenario): Promise<void> => {
    if (value !== scope) writeFileSync(SCOPE, String(value));
    try {
      await body(s);
    } finally {
      if (value !== scope && value !== 3) writeFileSync(SCOPE, String(scope));
    }
  };
}

for (const value of [...SCOPES].sort()) {
  const test = (title: string, body: (s: Scenario) => Promise<void>): void =>
    asRoot(scenario)(`${title} (Yama: ${value ?? 'none'})`, under(value, body));
  const yama = value ?? 0;
  const fact = new RegExp(
    yama < 3
      ? `kernel.yama.ptrace_scope is ${yama}; run as root, with CAP_SYS_PTRACE`
      : 'kernel.yama.ptrace_scope is 3: nobody may; it stays so until',
  );

  test('a process of the same user, and of another one', async (s) => {
    const { start, patch } = prepare(s);
    const target = await start(as(NOBODY));
    const other = /permission denied: expected uid 65533, found uid 65534 \(run as that user or as/;
    await expectDenied(as(STRANGER), target, patch, yama < 3 ? other : fact);
    if (yama === 0) await expectAllowed(as(NOBODY), target, patch);
    else await expectDenied(as(NOBODY), target, patch, fact);
    if (yama < 3) await expectAllowed([], target, patch);
    else await expectDenied([], target, patch, fact);
  });

  test('it has capabilities, and we have less', async (s) => {
    const { start, patch } = prepare(s);
    const more = yama > 0 ? fact : /has capabilities .*; run as root, with CAP_SYS_PTRACE\)/;
    const target = await start([...as(NOBODY), ...MORE]);
    await expectDenied(as(NOBODY), target, patch, more);
    await expectDenied(LESS, await start([]), patch, more);
    if (yama < 3) await expectAllowed([], target, patch);
  });

  if (yama > 0)
    test('it lets everybody trace it (PR_SET_PTRACER)', async (s) => {
      const { start, patch } = prepare(s);
      const target = await start(as(NOBODY), 'traceable');
      if (yama === 1) await expectAllowed(as(NOBODY), target, patch);
      else await expectDenied(as(NOBODY), target, patch, fact);
    });
}
