/** Who has not migrated, from where it is inside, and what it waits for. */
import { readFileSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pid as asPid } from '@ulp/core';
import {
  findRuntime,
  liveLibraries,
  openProcess,
  readCallSite,
  readUniverses,
  Symbolizer,
} from '@ulp/ptrace-ffi';
import { inspectSchema } from '@ulp/ptrace-ffi/schema';
import { checkSchema } from '@ulp/trigger/schema';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';
import { asRoot } from '../harness/as-root';
import { BIN, runTool, succeed } from '../harness/tools';
import { outputOf, runProgram } from '../harness/programs.cjs';
import { waitFor } from '../harness/wait.cjs';

interface Setting {
  readonly library: string;
  readonly program: string;
  readonly patch: string;
  readonly target: Target;
}

/** @param doing commands for the program, given before the patch is applied */
async function begin(
  s: Scenario,
  doing: readonly string[],
  prepare: (...files: string[]) => void = () => undefined,
): Promise<Setting> {
  const library = s.library('migration/library.c', 'libwaits.so');
  const program = s.program('migration/program.c', [library]);
  const patch = s.patch('migration/patch.c', 'fix', [[library, ['value:new_value']]]);
  prepare(library, program);
  const target = await s.start(program);
  for (const line of doing) expect(await target.ask(line)).toMatch(/^(begun|ended)$/);
  s.apply(target, patch);
  return { library, program, patch, target };
}

const checked = ({ target, patch }: Setting) =>
  checkSchema.parse(
    JSON.parse(runTool('ulp-check', [target.pid, patch, '--json', '--threads']).stdout),
  );

/** Looks until a thread sleeps in read(2): it said that it would, right before. */
async function untilReading(setting: Setting, count: number): Promise<void> {
  const doing = async () => {
    expect(await setting.target.ask('value')).toBe('2');
    return checked(setting).threads?.map((t) => t.stack?.doing) ?? [];
  };
  await waitFor(
    `${count} threads in read`,
    doing,
    (all) => all.filter((what) => what === 'in read').length === count,
    setting.target,
  );
}

type Place = { file: string | null; function: string | null; offset: number };
const short = ({ file, function: name }: Place): string =>
  `${file === null ? '?' : basename(file)}:${name ?? '?'}`;

scenario('each thread is named with its call site and what it waits in', async (s) => {
  const lines = ['read', 'callback', 'jit', 'spin', 'outside', 'park', 'orphan'];
  const setting = await begin(s, lines);
  const { target, patch, library, program } = setting;
  await untilReading(setting, 3);
  const { threads = [], suspended = [], migrated } = checked(setting);
  expect(migrated).toBe(false);
  const me = basename(program);
  const where = Object.fromEntries(
    threads.map((t) => [
      t.name,
      [
        t.migrated,
        ...t.inside.map((c) => [
          c.library === library,
          c.universe,
          c.suspended,
          c.since && short(c.since),
        ]),
      ],
    ]),
  );
  expect(where).toEqual({
    [me.slice(0, 15)]: [true],
    reader: [false, [true, 1, false, `${me}:enter_reading`]],
    caller: [false, [true, 1, false, `${me}:enter_calling`]],
    'jit\x1b[2J': [false, [true, 1, false, '?:?']],
    spinner: [false, [true, 1, false, `${me}:running`]],
    outside: [true],
    parker: [false, [true, 1, true, `${me}:enter_suspended`]],
  });
  expect(suspended.map((c) => [c.universe, c.suspended, c.since && short(c.since)])).toEqual([
    [1, true, `${me}:enter_suspended`],
  ]);

  const stack = (name: string) => threads.find((t) => t.name === name)?.stack;
  const names = (name: string) => stack(name)?.places.map(short);
  expect(names('reader')).toEqual([
    'libc.so.6:read',
    'libwaits.so:wait_for_byte',
    'libwaits.so:wait_in_library',
  ]);
  expect(names('caller')).toEqual(['libc.so.6:read', `${me}:wait_here`, 'libwaits.so:call']);
  expect(stack('spinner')).toMatchObject({ doing: 'running', places: [] });
  expect(stack('parker')?.missing).toMatch(/suspended/);

  // Nothing that a process says reaches the terminal as it is.
  const text = succeed('ulp-check', target.pid, patch, '--threads');
  expect(text).toContain('thread');
  expect(text).not.toContain('\x1b');
  expect(text).toMatch(/^- +- +no +suspended in .*, by a thread that has ended$/m);

  const inspected = inspectSchema.parse(JSON.parse(succeed('ulp-inspect', target.pid, '--json')))
    .processes[0];
  const sites = inspected?.threads.map((t) => [
    t.name,
    ...t.claims.map((c) => c.since && short(c.since)),
  ]);
  expect(sites).toContainEqual(['reader', `${me}:enter_reading`]);
  expect(sites).toContainEqual(['outside', null]);
  expect(succeed('ulp-inspect', target.pid)).toMatch(/inside, universe 1, since \S+:running\+0x/);

  await target.ask('stop');
  await target.ask('resume');
  await target.ask('release');
  expect(runTool('ulp-check', [target.pid, patch, '--wait', 20_000]).status).toBe(0);
});

scenario('--wait ends with the last one: a thread, a coroutine, an orphan', async (s) => {
  const { target, patch } = await begin(s, ['read', 'park', 'orphan']);
  const wait = () => runTool('ulp-check', [target.pid, patch, '--wait', 20]);
  const first = wait();
  expect(first.status).toBe(5);
  expect(first.stderr).toMatch(/thread \d+ \(reader\): in read at libc\.so\.6:read\+0x/);
  expect(first.stderr).toMatch(/calls on its stack: libwaits\.so:wait_for_byte\+0x\w+, /);
  expect(first.stderr).toMatch(/not every thread .*\(reader\) in .*, since .*:enter_reading\+0x/);
  await target.ask('release');
  const second = wait();
  expect(second.status).toBe(5);
  expect(second.stderr).not.toContain('reader');
  expect(second.stderr).toMatch(/\(parker\) suspended in .*; a call suspended in .*has ended$/m);
  expect(await target.ask('resume')).toBe('2');
  expect(runTool('ulp-check', [target.pid, patch, '--wait', 20_000])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('all threads see it') as unknown,
  });
});

scenario('without symbol tables: what is exported has a name, the rest an offset', async (s) => {
  const whole = await begin(s, ['read']);
  await untilReading(whole, 1);
  const places = (setting: Setting) => {
    const reader = checked(setting).threads?.find((t) => t.name === 'reader');
    return [...(reader?.stack?.places ?? []), reader?.inside[0]?.since].slice(1);
  };
  const [helper, entered, since] = places(whole);
  const link = (place: Place, file: string): number => {
    const nm = outputOf('nm', [file], { encoding: 'utf8' });
    const line = nm.split('\n').find((l) => l.endsWith(` ${place.function}`));
    return parseInt(line ?? '', 16) + place.offset;
  };
  const expected = [
    { function: null, offset: link(helper as Place, whole.library) },
    { function: 'wait_in_library', offset: entered?.offset },
    { function: null, offset: link(since as Place, whole.program) },
  ];
  await whole.target.ask('release');
  const bare = await begin(s, ['read'], (...files) => outputOf('strip', files));
  await untilReading(bare, 1);
  expect(places(bare)).toMatchObject(expected);
});

asRoot(scenario)(
  'a library whose file was replaced is named by the one that is mapped',
  async (s) => {
    const setting = await begin(s, ['read']);
    const { target, patch, library } = setting;
    await untilReading(setting, 1);
    const before = checked(setting);
    const other = s.library('entries/library.c', 'other.so');
    const size = statSync(other).size;
    renameSync(other, library);
    expect(statSync(library).size).toBe(size);
    expect(checked(setting)).toEqual(before);
    // Without the privilege for map_files there is only the name, and that leads to another build.
    const { status, stdout } = runProgram(
      'setpriv',
      [
        '--bounding-set=-sys_admin,-checkpoint_restore',
        join(BIN, 'ulp-check'),
        `${target.pid}`,
        patch,
        '--threads',
      ],
      { encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/since \S+:enter_reading\+0x/);
    expect(stdout).toMatch(/^ +libwaits\.so\+0x[0-9a-f]+$/m);
    expect(stdout).not.toContain('wait_for_byte');
  },
);

scenario(
  'of a thread that enters and leaves without pause, only real call sites are shown',
  async (s) => {
    const { target } = await begin(s, ['churn']);
    const process = openProcess(asPid(target.pid));
    const runtime = findRuntime(process);
    const libraries = liveLibraries(process, process.images(), runtime);
    const symbolizer = new Symbolizer(process);
    const seen = new Set<string | undefined>();
    const threads = process.threads();
    for (let samples = 0; samples < 300 || seen.size < 2;)
      for (const { claims } of readUniverses(runtime, libraries, threads).threads)
        for (const claim of claims) {
          const site = readCallSite(process.memory, claim);
          if (site === undefined) continue;
          samples++;
          seen.add(symbolizer.place(site).function);
        }
    symbolizer.close();
    process.close();
    expect([...seen].sort()).toEqual(['enter_deep', 'enter_shallow']);
    await target.ask('stop');
  },
);

/** What differs from machine to machine: ids, offsets, and the widths that follow. */
const normal = (text: string): string =>
  text
    .replace(/\+0x[0-9a-f]+/g, '+0x')
    .replace(/ +/g, ' ')
    .trim();

scenario("the operator's guide shows what ulp-check prints", async (s) => {
  const setting = await begin(s, ['read']);
  const { target, patch, program } = setting;
  await untilReading(setting, 1);
  const printed = succeed('ulp-check', target.pid, patch, '--threads');
  const reader = /^thread (\d+)/m.exec(printed)?.[1] ?? '';
  const text = printed
    .replaceAll(`${s.room}/`, '/opt/app/')
    .replaceAll(basename(program), 'server')
    .replaceAll(basename(program).slice(0, 15), 'server')
    .replaceAll(`${target.pid}`, '4711')
    .replaceAll(reader, '4713');
  const guide = readFileSync(join(__dirname, '../../docs/operators-guide.md'), 'utf8');
  const example = /\$ ulp-check 4711 fix\.ulp --threads\n([^]*?)\n```/.exec(guide)?.[1] ?? '';
  expect(normal(text)).toBe(normal(example));
});
