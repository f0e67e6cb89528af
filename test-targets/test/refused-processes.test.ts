/** Bad processes: each command says the same about such a process, and nothing in it is changed. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildLibrary } from '../harness/build';
import { scenario, type Scenario } from '../harness/scenario';
import { asRoot } from '../harness/as-root';
import { NOBODY, runTool } from '../harness/tools';
import { runProgram } from '../harness/programs.cjs';

interface Expected {
  readonly status: 3 | 4;
  readonly fact: RegExp;
  readonly uid?: number;
  /** Does it concern the patch alone, so that ulp-inspect has no complaint? */
  readonly inspectable?: true;
}

/** Every command that takes a process, in every mode. */
function expectRefused(pid: number, patch: string, expected: Expected): void {
  const { status, fact, uid, inspectable } = expected;
  const lines: readonly (readonly [string, ...(string | number)[]])[] = [
    ['ulp-trigger', pid, patch],
    ['ulp-trigger', pid, patch, '--dry-run'],
    ['ulp-trigger', pid, patch, '--revert', '--json'],
    ['ulp-check', pid, patch, '--threads'],
    ['ulp-dispatcher', 'check', patch, pid, '--json'],
    ['ulp-dispatcher', 'patch', patch, pid],
    ['ulp-dispatcher', 'revert', patch, pid, '--dry-run'],
    ...(inspectable ? [] : [['ulp-inspect', pid, '--json'] as const]),
  ];
  for (const [tool, ...args] of lines) {
    const outcome = runTool(tool, args, { uid });
    expect({ line: [tool, ...args], ...outcome }).toEqual({
      line: [tool, ...args],
      status,
      stdout: '',
      stderr: expect.stringMatching(fact) as string,
    });
    expect(outcome.stderr).toMatch(new RegExp(`^${tool}: process ${pid}: [^\n]+\n$|^${tool}: /`));
  }
}

const patchOf = (s: Scenario, library: string, file = 'fix'): string =>
  s.patch('simple/patch.c', file, [[library, ['answer:new_answer']]]);

const simple = (s: Scenario): string => s.library('simple/library.c', 'libsimple.so');

scenario('gone, a zombie, a kernel thread, one thread of many', async (s) => {
  const patch = patchOf(s, simple(s));
  expectRefused(0x7ffffff0, patch, { status: 4, fact: /no such process$/m });
  const target = await s.start(s.program('refusals/program.c', []));
  const zombie = Number(await target.ask('zombie'));
  expectRefused(zombie, patch, { status: 4, fact: /it has ended: found a zombie$/m });
  const thread = Number(await target.ask('thread'));
  expectRefused(thread, patch, {
    status: 4,
    fact: new RegExp(`thread of process ${target.pid}`),
  });
  const kernel = kernelThread();
  if (kernel === undefined) console.warn('skipped: no kernel thread is visible from here');
  else expectRefused(kernel, patch, { status: 3, fact: /cannot be patched: .*kernel thread$/m });
});

/** One is a child of process 2, unless a pid namespace hides them all. */
function kernelThread(): number | undefined {
  const isKernel = (pid: string): boolean => {
    try {
      return / \(.*\) \S 2 /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return false;
    }
  };
  const found = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isKernel(name));
  return found === undefined ? undefined : Number(found);
}

scenario('of 32 bits', async (s) => {
  const program = s.program('refusals/thirty-two-bit.S', [], ['-m32', '-nostdlib', '-static']);
  try {
    runProgram(program, { input: '' });
  } catch (error) {
    console.warn(`skipped: this kernel runs no 32-bit programs: ${String(error)}`);
    return;
  }
  const target = await s.start(program, { bare: true });
  expectRefused(target.pid, patchOf(s, simple(s)), {
    status: 3,
    fact: /cannot be patched: expected a 64-bit process, found a 32-bit process$/m,
  });
});

scenario('without libpulp.so: linked as usual, statically, or the library alone', async (s) => {
  const library = simple(s);
  const patch = patchOf(s, library);
  const programs = [
    () => s.program('refusals/program.c', []),
    () => s.program('simple/program.c', [library]),
    () => s.program('refusals/program.c', [], ['-static']),
  ];
  for (const program of programs) {
    const target = await s.start(program(), { bare: true });
    const before = target.maps();
    expectRefused(target.pid, patch, { status: 3, fact: /libpulp\.so is not loaded/ });
    expect(target.maps()).toBe(before);
  }
});

scenario('the library is not loaded, or is another build', async (s) => {
  const library = simple(s);
  const patch = patchOf(s, library);
  const refuse = async (
    program: string,
    fact: RegExp,
    env: Record<string, string> = {},
  ): Promise<void> => {
    const target = await s.start(program, { env });
    const inspected = (): string => runTool('ulp-inspect', [target.pid, '--json']).stdout;
    const before = [target.maps(), inspected()];
    expectRefused(target.pid, patch, { status: 3, fact, inspectable: true });
    expect([target.maps(), inspected()]).toEqual(before);
  };
  await refuse(
    s.program('refusals/program.c', []),
    /libsimple\.so: the target library is not loaded/,
  );
  const other = join(s.room, 'other');
  mkdirSync(other);
  buildLibrary(other, 'simple/library.c', 'libsimple.so', { args: ['-O1'] });
  await refuse(
    s.program('simple/program.c', [library]),
    /libsimple\.so: the build-id differs: expected [0-9a-f]{40}, found [0-9a-f]{40}/,
    { LD_LIBRARY_PATH: other },
  );
});

asRoot(scenario)('of another user, and our own after setuid', async (s) => {
  chmodSync(s.room, 0o755);
  const library = simple(s);
  const patch = patchOf(s, library);
  const program = s.program('simple/program.c', [library]);
  const target = await s.start(program);
  const before = target.maps();
  const fact = /permission denied: expected uid 65534, found uid 0/;
  expectRefused(target.pid, patch, { status: 4, fact, uid: NOBODY });
  expect(target.maps()).toBe(before);
  expect(await target.ask('answer')).toBe('2');
  const id = String(NOBODY);
  const theirs = await s.start('setpriv', {
    args: ['--reuid', id, '--regid', id, '--clear-groups', program],
  });
  const { status, stderr } = runTool('ulp-trigger', [theirs.pid, patch], { uid: NOBODY });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(await theirs.ask('answer')).toBe('1001');
});

scenario('a library that was never gated', async (s) => {
  const raw = s.library('simple/library.c', 'libsimple.so', { ungated: true });
  const target = await s.start(s.program('simple/program.c', [raw]));
  const room = join(s.room, 'gated');
  mkdirSync(room);
  const gated = join(room, 'libsimple.so');
  copyFileSync(raw, gated);
  expect(runTool('ulp-dynsym-gate', [gated]).status).toBe(0);
  const fact = /libsimple\.so: the library is not live-patchable/;
  expectRefused(target.pid, patchOf(s, gated), { status: 3, fact, inspectable: true });
  expect(await target.ask('answer')).toBe('2');
});
