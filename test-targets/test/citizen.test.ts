/** libpulp.so in a process that is not patched changes nothing that the program can see. */
import { readFileSync } from 'node:fs';
import { buildProgram, preload } from '../harness/build';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { scenario, type Scenario } from '../harness/scenario';
import { takenSlots } from '../harness/slots';
import type { Target } from '../harness/target';
import { runTool } from '../harness/tools';

const PRELOADED = { LD_PRELOAD: preload() };
/** Numbers of system calls. */
const CLONE = '56';
const MEMBARRIER = '324';
const NONE = '9999';
/** What docs/limits.md says that it takes of RLIMIT_DATA, in KiB, and some pages. */
const DATA_KIB = 192;

interface Seen {
  readonly status: number | null;
  readonly signal: string | null;
  readonly lines: readonly string[];
}

function see(command: readonly string[], env: Readonly<Record<string, string>> = {}): Seen {
  const [file = '', ...args] = command;
  const { status, signal, stdout } = runProgram(file, args, {
    encoding: 'utf8',
    env: { HOME: '/', ...env },
  });
  return { status, signal, lines: stdout.split('\n') };
}

const observe = (s: Scenario): string => s.program('citizen/observe.c', []);
const launch = (s: Scenario, ...args: string[]): string[] => [
  buildProgram(s.room, 'citizen/launch.c', []),
  ...args,
];
const isWell = ({ status, lines }: Seen): boolean => status === 0 && lines.at(-2) === 'ok';

scenario('what a program sees of itself when it begins', async (s) => {
  const program = observe(s);
  const alone = see([program]);
  expect(isWell(alone)).toBe(true);
  expect(see([program], PRELOADED)).toEqual(alone);
  const filtered = see(launch(s, 'kill', NONE, program));
  expect(isWell(filtered)).toBe(true);
  expect(see(launch(s, 'kill', NONE, program), PRELOADED)).toEqual(filtered);
});

scenario('a limit on data', async (s) => {
  const program = observe(s);
  const under = (kib: number, env?: Record<string, string>): boolean =>
    isWell(see(['/bin/sh', '-c', `ulimit -d ${kib}; exec ${program}`], env));
  let [fails, works] = [0, 8192];
  while (works - fails > 4) {
    const middle = Math.floor((fails + works) / 8) * 4;
    if (under(middle)) works = middle;
    else fails = middle;
  }
  for (const more of [DATA_KIB, DATA_KIB + 64, 512, 1024])
    expect([more, under(works + more, { LD_PRELOAD: preload() })]).toEqual([more, true]);
  expect(under(2500, PRELOADED)).toBe(true);
});

const gated = (s: Scenario): string => s.library('loading/library.c', 'libcitizen.so');
const patchOf = (s: Scenario, library: string): string =>
  s.patch('loading/patch.c', 'fix', [[library, ['loaded_value:new_loaded_value']]]);

async function expectRefused(target: Target, patch: string, why: string): Promise<void> {
  const maps = target.maps();
  const { status, stderr } = runTool('ulp-trigger', [target.pid, patch]);
  expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringContaining(why) as string });
  expect(target.maps()).toBe(maps);
  expect(await target.ask('value')).toBe('1');
}

scenario('a limit on data that leaves nothing for a change', async (s) => {
  const library = gated(s);
  const patch = patchOf(s, library);
  const target = await s.start(s.program('citizen/threads.c', [library]));
  expect(await target.ask('value')).toBe('1');
  const limit = (bytes: string): void => {
    outputOf('prlimit', ['--pid', String(target.pid), `--data=${bytes}`]);
  };
  const used = /^VmData:\s+(\d+) kB$/m.exec(
    readFileSync(`/proc/${target.pid}/status`, 'latin1'),
  )?.[1];
  limit(`${Number(used) * 1024}:unlimited`);
  await expectRefused(
    target,
    patch,
    "no memory for the helper's stack and tables; perhaps a limit",
  );
  limit('unlimited');
  s.apply(target, patch);
  expect(await target.ask('value')).toBe('2');
  s.revert(target, patch);
  expect(await target.ask('value')).toBe('1');
});

scenario('no thread for the helper', async (s) => {
  const why = 'no helper thread could be made';
  const library = gated(s);
  const program = s.program('citizen/threads.c', [library]);
  const [file = '', ...args] = launch(s, 'deny', CLONE, program);
  const target = await s.start(file, { args });
  expect(await target.ask('value')).toBe('1');
  await expectRefused(
    target,
    patchOf(s, library),
    `libpulp.so cannot work in this process (${why}`,
  );
  expect(runTool('ulp-inspect', [target.pid]).stdout).toContain(why);
  const { processes } = JSON.parse(runTool('ulp-inspect', [target.pid, '--json']).stdout) as {
    processes: [{ runtime: { problems: string[] } }];
  };
  expect(processes[0].runtime.problems).toEqual([why]);
  const checked = runTool('ulp-check', [target.pid, patchOf(s, library)]);
  expect(checked.status).toBe(1);
});

scenario('a filter that ends a process for membarrier(2)', async (s) => {
  const killing = launch(s, 'kill', MEMBARRIER, observe(s));
  expect(see(killing, PRELOADED)).toEqual(see(killing));
  expect(isWell(see(killing))).toBe(true);
  const library = gated(s);
  const [file = '', ...args] = launch(
    s,
    'kill',
    MEMBARRIER,
    s.program('citizen/threads.c', [library]),
  );
  const target = await s.start(file, { args });
  await expectRefused(target, patchOf(s, library), 'expected membarrier to be allowed');
});

scenario('registered for membarrier(2): at the start, and not under a filter', async (s) => {
  const program = s.program('citizen/registered.c', []);
  const both = (result: number): string[] => [`parent ${result}`, `child ${result}`, ''];
  expect(see([program]).lines).toEqual(both(-1));
  expect(see([program], PRELOADED).lines).toEqual(both(0));
  expect(see(launch(s, 'kill', NONE, program), PRELOADED).lines).toEqual(both(-1));
});

scenario('no key of thread-local storage is left', async (s) => {
  const THREADS = 50;
  const library = gated(s);
  const patch = patchOf(s, library);
  const program = s.program('citizen/threads.c', [library]);
  const keys = s.library('citizen/keys.c', 'libkeys.so', { plain: true });
  const target = await s.start(program, { env: { LD_PRELOAD: `${preload()} ${keys}` } });
  expect(await target.ask('value')).toBe('1');
  expect(await target.ask(`threads ${THREADS}`)).toBe('ok');
  // No destructor has given them back.
  expect(takenSlots(target.pid)).toBe(1 + THREADS);
  s.apply(target, patch);
  expect(takenSlots(target.pid)).toBe(1);
  expect(await target.ask(`threads ${THREADS}`)).toBe('ok');
  expect(await target.ask('value')).toBe('2');
  s.revert(target, patch);
  expect(await target.ask('value')).toBe('1');
  expect(target.maps()).not.toContain('fix.so');
});
