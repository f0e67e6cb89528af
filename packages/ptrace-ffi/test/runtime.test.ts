/** libpulp.so in a process, the real one and one that lies. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { abi } from '@ulp/core';
import {
  findRuntime,
  inspect,
  liveLibraries,
  openProcess,
  readUniverses,
  type Process,
} from '@ulp/ptrace-ffi';
import { inspectSchema } from '@ulp/ptrace-ffi/schema';
import { cleanUp, codeOf, compile, scratch, start, type Target } from './target';
import { outputOf } from '../../../test-targets/harness/programs.cjs';

const dist = join(__dirname, '../../../runtime/dist');
const libpulp = join(dist, 'libpulp.so');

afterAll(cleanUp);

describe('the real runtime', () => {
  let target: Target;
  let process: Process;
  const library = join(scratch, 'libtracked.so');

  beforeAll(async () => {
    expect(existsSync(libpulp)).toBe(true);
    const source = join(__dirname, 'programs/tracked-library.c');
    outputOf('gcc', [
      '-O2',
      '-shared',
      '-fPIC',
      '-o',
      library,
      source,
      join(dist, 'trm.o'),
      libpulp,
    ]);
    target = await start(compile('tracked-user', library), [], {
      env: { ...globalThis.process.env, LD_PRELOAD: libpulp },
    });
    process = openProcess(target.pid);
  });
  afterAll(() => process.close());

  test('is found by its note', () => {
    const runtime = findRuntime(process);
    expect(runtime.image.path).toBe(libpulp);
    expect(runtime.readControl()).toMatchObject({
      abi: abi.ABI_VERSION,
      pid: target.pid,
      flags: 0,
      state: BigInt(abi.STATE.done),
    });
    expect(runtime.readUniverse()).toBe(1);
    expect(runtime.patches()).toEqual([]);
  });

  test('a live-patchable library is known, and bound to it', () => {
    const images = process.images();
    const [found, ...others] = liveLibraries(process, images, findRuntime(process, images));
    expect(others).toEqual([]);
    expect(found).toMatchObject({ abi: abi.ABI_VERSION, gated: false, bound: true });
    expect(found?.image.path).toBe(library);
    expect(liveLibraries(process, images, undefined)[0]?.bound).toBe(false);
  });

  test('each thread is where it is', async () => {
    const where = () => {
      const runtime = findRuntime(process);
      const libraries = liveLibraries(process, process.images(), runtime);
      const { threads, ownerless, incomplete } = readUniverses(runtime, libraries);
      expect([ownerless, incomplete]).toEqual([[], false]);
      return Object.fromEntries(
        threads.map(({ thread, claims }) => [
          thread.name,
          claims.map((c) => [c.inside, c.universe, c.pinned, c.slot]),
        ]),
      );
    };
    expect(where()).toEqual({
      'tracked-user': [],
      in: [[true, 1, false, 'used']],
      out: [[false, undefined, false, 'used']],
      jump: [[false, undefined, false, 'used']],
      parked: [[true, 1, false, 'limbo']],
      never: [],
    });
    expect(await target.ask('leave')).toBe('result 42');
    expect(where()).toEqual({
      'tracked-user': [],
      out: [[false, undefined, false, 'used']],
      jump: [[false, undefined, false, 'used']],
      parked: [[true, 1, false, 'limbo']],
      never: [],
    });
  });

  test('what is inspected is what the schema says', () => {
    const document = { schema: 'ulp-inspect/1', processes: [inspect(process)], unreadable: 0 };
    expect(inspectSchema.strict().parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });
});

test('a process without it', async () => {
  const target = await start(compile('echo'));
  expect(() => findRuntime(openProcess(target.pid))).toThrow(
    `process ${target.pid}: libpulp.so is not loaded`,
  );
  await target.killed();
});

describe('one that lies', () => {
  const withRuntime = async <T>(
    args: string[],
    look: (process: Process) => T,
    ...flags: string[]
  ): Promise<T> => {
    const target = await start(compile('fake-runtime', ...flags), args);
    const process = openProcess(target.pid);
    try {
      return look(process);
    } finally {
      process.close();
      await target.killed();
    }
  };
  const complaint = (args: string[], ...flags: string[]): Promise<string> =>
    withRuntime(args, (process) => codeOf(() => findRuntime(process).patches()), ...flags);

  test('not yet: its patches are read', async () => {
    const patches = await withRuntime([], (process) => findRuntime(process).patches());
    expect(
      patches.map((p) => [
        p.id.slice(0, 2),
        p.state,
        p.universe,
        p.reverted,
        p.path,
        p.dependencies.length,
      ]),
    ).toEqual([
      ['11', 'applied', 2, undefined, '/patch-0.so', 0],
      ['22', 'reverted', 3, 4, '/patch-1.so', 0],
      ['33', 'pending', 6, undefined, '/patch-2.so', 1],
    ]);
  });

  test('another ABI: both versions are named', async () => {
    await withRuntime(
      [],
      (process) =>
        expect(() => findRuntime(process)).toThrow(
          `libpulp.so has another ABI version: expected ABI version ${abi.ABI_VERSION}, found 9`,
        ),
      '-DNOTE_ABI=9',
    );
  });

  test('not initialised', async () => {
    expect(await complaint(['magic=0'])).toBe('runtime-unusable');
  });

  test.each([
    'magic=1',
    'abi=77',
    'size=8',
    'universe=0x100000000',
    'patches=0',
    'patches=0xffffffffffffff00',
    'slots=4096',
    'pins=4096',
    'slot_records=0x7fffffffffff',
    'slot_map=1',
    'gadget=0x1000',
    'repeat=0x1000',
    'request=16',
    'request_size=0xffffffff',
    'request_size=1',
    'tid_address=8',
    'dependency_count=17',
    'target_count=0xffffffff',
  ])('%s', async (lie) => {
    expect(await complaint([lie])).toBe('process-hostile');
  });
});
