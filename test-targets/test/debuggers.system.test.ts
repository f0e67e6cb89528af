import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGated, preload } from '../harness/build';
import { expectAllOutside } from '../harness/cases';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';
import { outputOf, runProgram } from '../harness/programs.cjs';

/** libunwind last: it has a backtrace() and an _Unwind_Resume() of its own. */
const ARGS = ['-fexceptions', '-rdynamic', '-lc', '-lgcc_s', '-lunwind'];

/**
 * Of outer() and who called it, what backtrace_symbols() names: global dynamic symbols alone. The
 * slots' is hidden; that of outer() covers its body if ulp-dynsym-gate has moved it, and not if the
 * patched ld has.
 */
const OUTER_FROM_MIDDLE = isGated() ? 'outer  middle ' : '(^| )middle ';

/** What gdb prints for these commands in the running process. */
function gdb(target: Target, ...commands: string[]): string {
  const args = ['set debuginfod enabled off', ...commands].flatMap((command) => ['-ex', command]);
  const { stdout } = runProgram('gdb', ['-nx', '-batch', '-p', String(target.pid), ...args], {
    encoding: 'utf8',
  });
  return stdout;
}

/** The functions of gdb's list, innermost first. */
const functions = (list: string): string =>
  [...list.matchAll(/^#\d+ +(?:0x\w+ in )?(\S+) \(/gm)].map(([, name]) => name).join(' ');

scenario('gdb, libunwind and backtrace() walk through a tracked call', async (s) => {
  const library = s.library('debuggers/library.c', 'libdebugged.so');
  const patch = s.patch('debuggers/patch.c', 'fix', [[library, ['outer:new_outer']]]);
  const program = s.program('debuggers/program.c', [library], ARGS);
  const target = await s.start(program);

  const walks = async (called: string, added: number): Promise<void> => {
    expect(await target.ask('libunwind')).toContain(` ${called} __ulp_slots middle `);
    expect(await target.ask('libunwind')).toMatch(/ _start$/);
    const symbols = called === 'outer' ? OUTER_FROM_MIDDLE : `${called}  middle `;
    expect(await target.ask('backtrace')).toMatch(new RegExp(symbols));
    expect(await target.ask('backtrace')).toMatch(/ _start$/);
    expect(await target.ask('wait')).toBe('waiting');
    const stopped = gdb(target, 'bt');
    expect(functions(stopped)).toContain(` waiting ${called} __ulp_return_slot middle `);
    expect(functions(stopped)).toMatch(/ _start$/);
    target.tell('go on');
    expect(await target.line()).toBe(String(1 + added + 10));
  };
  await walks('outer', 1);
  s.apply(target, patch);
  await walks('new_outer', 100);
  s.revert(target, patch);
  await walks('outer', 1);
});

/** Where gdb stops, one after the other: the functions of its reports. */
const stops = (report: string): string =>
  [...report.matchAll(/^(?:.*breakpoint [\d.]+, )?(?:0x\w+ in )?(\w+) \(.*\)/gim)]
    .map(([, name]) => name)
    .join(' ');

/** Attaches outside of the library, and goes on to the line that calls outer(). */
async function steps(target: Target, ...commands: string[]): Promise<string> {
  expect(await target.ask('step')).toBe('waiting');
  const toTheCall = ['break middle', 'set variable released = 1', 'continue', 'delete'];
  const report = gdb(target, ...toTheCall, ...commands, 'detach');
  return stops(report.slice(report.indexOf('Breakpoint 1,')));
}

interface Prepared {
  readonly library: string;
  readonly program: string;
  readonly patches: readonly [string, string];
}

function prepare(s: Scenario): Prepared {
  const library = s.library('debuggers/library.c', 'libdebugged.so');
  const patch = (name: string, code: string): string =>
    s.patch('debuggers/patch.c', name, [[library, [`outer:${code}`]]], {
      args: [`-Dnew_outer=${code}`],
    });
  const args = ['-O0', ...ARGS];
  return {
    library,
    program: s.program('debuggers/program.c', [library], args),
    patches: [patch('fix', 'new_outer'), patch('newer', 'newer_outer')],
  };
}

/**
 * While a thread is inside from before, what it sees has to stay: both versions then share a stub.
 */
async function whileInside(target: Target, act: () => void): Promise<void> {
  expect(await target.ask('wait')).toBe('waiting');
  act();
  target.tell('go on');
  await target.line();
}

/** Into the function, into its callback, and out of both. */
const STEPS = Array<string>(8).fill('step');

scenario(
  'gdb steps into a tracked function, through its patch, and out to the caller',
  async (s) => {
    const { program, patches } = prepare(s);
    const target = await s.start(program);

    const expectSteps = async (way: string, result: string): Promise<void> => {
      expect(await steps(target, ...STEPS)).toMatch(new RegExp(`^middle ${way} middle reply`));
      expect(await target.line()).toBe(result);
    };
    await expectSteps('outer quiet', '12');
    s.apply(target, patches[0]);
    await expectSteps('outer new_outer quiet', '111');
    s.apply(target, patches[1]);
    await expectSteps('outer newer_outer quiet', '111');
    s.revert(target, patches[1]);
    s.revert(target, patches[0]);
    await expectSteps('outer quiet', '12');
  },
);

scenario('gdb does the same when the symbols lie in a file of their own', async (s) => {
  const { library, program, patches } = prepare(s);
  outputOf('objcopy', ['--only-keep-debug', library, `${library}.debug`]);
  outputOf('strip', ['--strip-unneeded', '--keep-symbol=__ulp_library', library]);
  outputOf('objcopy', [`--add-gnu-debuglink=${library}.debug`, library]);
  const target = await s.start(program);
  s.apply(target, patches[0]);
  expect(await steps(target, ...STEPS)).toMatch(/^middle outer new_outer quiet middle reply/);
  expect(await target.line()).toBe('111');
  const breaks = ['break outer', 'tbreak quiet', 'continue', 'continue'];
  expect(await steps(target, ...breaks)).toBe('middle outer quiet');
  expect(await target.line()).toBe('111');
});

scenario('gdb finishes a tracked function, and returns from one', async (s) => {
  const { program } = prepare(s);
  const target = await s.start(program);
  expect(await steps(target, 'step', 'finish', 'step')).toBe(
    'middle outer __ulp_return_slot middle',
  );
  expect(await target.line()).toBe('12');
  expect(await steps(target, 'step', 'set confirm off', 'return 7', 'step')).toBe(
    'middle outer middle',
  );
  expect(await target.line()).toBe('17');
  expectAllOutside(target);
});

scenario('a handler and a cancellation find their way back from every instruction', async (s) => {
  const { program, patches } = prepare(s);
  const target = await s.start(program);
  const expectNoneLost = async (result: number): Promise<void> => {
    const answer = await target.ask('each');
    expect(answer).toMatch(new RegExp(`^${result}: 0 lost of \\d\\d`));
    expect(await target.ask('cancel')).toMatch(/^0 unclean of \d\d/);
  };
  await expectNoneLost(12);
  s.apply(target, patches[0]); // a selector
  await expectNoneLost(111);
  await whileInside(target, () => s.apply(target, patches[1])); // a stub
  await expectNoneLost(111);
});

scenario('valgrind follows tracked calls, and a process under it is not patched', async (s) => {
  const { program, patches } = prepare(s);
  const overrun = (env: Record<string, string>): string => {
    const log = join(s.room, 'log');
    const { stdout } = runProgram('valgrind', ['-q', `--log-file=${log}`, program], {
      encoding: 'utf8',
      input: 'overrun\n',
      env: { ...process.env, ...env },
    });
    expect(stdout).toBe('ready\n12\n');
    return readFileSync(log, 'utf8').replace(/^==\d+== /gm, '');
  };
  const read =
    'Invalid read of size 1\n +at 0x\\w+: overrun.*\n +by 0x\\w+: outer.*\n +by 0x\\w+: ';
  expect(overrun({})).toMatch(new RegExp(`^${read}middle.*\n +by 0x\\w+: reply`));
  expect(overrun({ LD_PRELOAD: preload() })).toMatch(new RegExp(`^${read}__ulp_return_slot`));

  const target = await s.start('valgrind', { args: ['-q', '--error-exitcode=1', program] });
  const { status, stderr } = runTool('ulp-trigger', [target.pid, ...patches.slice(0, 1)]);
  expect(status).toBe(3);
  expect(stderr).toMatch(/libpulp\.so cannot work in this process \(it runs under valgrind\)$/m);
  expect(await target.ask('backtrace')).toMatch(new RegExp(`${OUTER_FROM_MIDDLE}.* _start$`));
});
