/** Names and call sites of a process, an honest one and one that lies. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { abi, remoteAddress } from '@ulp/core';
import {
  findRuntime,
  liveLibraries,
  openProcess,
  placeDocument,
  placeText,
  readCallSite,
  readUniverses,
  scanStack,
  Symbolizer,
  type Claim,
  type Process,
  type Runtime,
  type Thread,
} from '@ulp/ptrace-ffi';
import { cleanUp, compile, scratch, start, type Target } from './target';
import { outputOf } from '../../../test-targets/harness/programs.cjs';
import { makeFifo } from '../../../test-targets/harness/fifo';

const dist = join(__dirname, '../../../runtime/dist');
const libpulp = join(dist, 'libpulp.so');
const library = join(scratch, 'libtracked.so');

let target: Target;
let process: Process;
let runtime: Runtime;
let symbolizer: Symbolizer;

beforeAll(async () => {
  const source = join(__dirname, 'programs/tracked-library.c');
  const args = ['-O2', '-shared', '-fPIC', '-Wl,--build-id', '-o', library, source];
  outputOf('gcc', [...args, join(dist, 'trm.o'), libpulp]);
  target = await start(compile('tracked-user', library), [], {
    env: { ...globalThis.process.env, LD_PRELOAD: libpulp },
  });
  process = openProcess(target.pid, { writable: true });
  runtime = findRuntime(process);
  symbolizer = new Symbolizer(process);
});
afterAll(() => {
  symbolizer.close();
  process.close();
  cleanUp();
});

function entered(): { thread: Thread; claim: Claim } {
  const libraries = liveLibraries(process, process.images(), runtime);
  const { threads } = readUniverses(runtime, libraries);
  const found = threads.find(({ thread }) => thread.name === 'in');
  const claim = found?.claims[0];
  if (!found || !claim) throw new Error('the thread is not inside');
  return { thread: found.thread, claim };
}

const text = (address: bigint, returns = true): string =>
  placeText(placeDocument(symbolizer.place(address, returns)));

/** What is done while eight bytes of the process are others. */
function whileItSays<T>(address: bigint, value: bigint, action: () => T): T {
  const before = process.memory.read(remoteAddress(address), 8);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  process.memory.write(remoteAddress(address), bytes);
  try {
    return action();
  } finally {
    process.memory.write(remoteAddress(address), before);
  }
}

test('addresses of every kind of memory', () => {
  const maps = process.maps();
  const vdso = maps.find((m) => m.path === '[vdso]')?.start ?? 0n;
  expect(text(vdso + 0x10n)).toBe('[vdso]+0x10');
  const stack = maps.find((m) => m.path === '[stack]')?.start ?? 0n;
  expect(text(stack + 8n)).toBe('[stack]+0x8');
  expect(text(0n)).toBe('0x0');
  expect(text(0xdeadn)).toBe('0xdead');
  expect(text((1n << 64n) - 1n)).toBe('0xffffffffffffffff');
  const image = process.images().find((i) => i.path === library);
  expect(text((image?.start ?? 0n) + 4n)).toBe('libtracked.so+0x4');
});

test('the place that called the library, and what the thread is in', () => {
  const { thread, claim } = entered();
  const site = readCallSite(process.memory, claim) ?? 0n;
  expect(text(site)).toMatch(/^tracked-user:in\+0x/);
  const scan = scanStack(runtime, symbolizer, thread, [claim]);
  expect(scan.doing).toBe('in futex');
  expect(scan.missing).toBeUndefined();
  const names = scan.addresses.map((a, i) => text(a, i > 0));
  expect(names[0]).toMatch(/^libc\.so\.6[:+]/);
  expect(names.at(-1)).toMatch(/^libtracked\.so:stay_inside_itself\+0x/);
});

const LIES = [0n, 8n, 0xdeadn, 1n << 47n, 1n << 63n, (1n << 64n) - 8n, (1n << 64n) - 1n];

test('a slot record that lies: something is shown, or nothing', () => {
  const { claim } = entered();
  const record = claim.place?.record ?? 0n;
  for (const lie of LIES) {
    const ret = whileItSays(record + BigInt(abi.ulp_slot.offset.ret), lie, () =>
      readCallSite(process.memory, claim),
    );
    expect(ret).toBe(lie);
    expect(text(ret ?? 0n)).toBe(`0x${lie.toString(16)}`);
  }
});

test('in the middle of an entry, the record has an earlier call: not shown', () => {
  const { claim } = entered();
  const site = readCallSite(process.memory, claim) ?? 0n;
  whileItSays(claim.sp, site + 0x100n, () =>
    expect(readCallSite(process.memory, claim)).toBeUndefined(),
  );
  // The same word and record: entering or leaving, and the address is known.
  whileItSays(claim.sp, site, () => expect(readCallSite(process.memory, claim)).toBe(site));
});

test('a claim that lies: the thread has moved on', () => {
  const { thread, claim } = entered();
  const tls = claim.place?.tls ?? 0n;
  for (const lie of LIES)
    whileItSays(tls + BigInt(abi.ulp_tls.offset.sp), lie, () => {
      expect(readCallSite(process.memory, claim)).toBeUndefined();
      // As it is read afresh, with the lie in it, pinned for one of them.
      const libraries = liveLibraries(process, process.images(), runtime);
      const { threads } = readUniverses(runtime, libraries);
      for (const c of threads.flatMap((t) => t.claims)) {
        readCallSite(process.memory, c);
        expect(scanStack(runtime, symbolizer, thread, [c]).doing).toBe('in futex');
      }
    });
  for (const field of ['code', 'universe'] as const)
    whileItSays(tls + BigInt(abi.ulp_tls.offset[field]), 77n, () =>
      expect(readCallSite(process.memory, claim)).toBeUndefined(),
    );
  expect(readCallSite(process.memory, claim)).toBeDefined();
});

test('a file of another build, or that is no file, names nothing', () => {
  const site = readCallSite(process.memory, entered().claim) ?? 0n;
  const program = process.images().find((i) => i.start <= site && site < i.end);
  const path = program?.path ?? '';
  const lookup = (): string => {
    // Its first byte is said to lie where nothing is mapped: so only its name can lead to it.
    const images = program ? [{ ...program, start: remoteAddress(0x1000n) }] : [];
    const s = new Symbolizer(process, process.maps(), images);
    const found = placeText(placeDocument(s.place(site)));
    s.close();
    return found;
  };
  expect(lookup()).toMatch(/^tracked-user:in\+0x/);
  renameSync(path, `${path}.away`);
  expect(lookup()).toMatch(/^tracked-user\+0x/);
  for (const make of [
    () => outputOf('cp', ['/bin/true', path]),
    () => makeFifo(path),
    () => mkdirSync(path),
  ]) {
    make();
    expect(lookup()).toMatch(/^tracked-user\+0x/);
    rmSync(path, { recursive: true });
  }
  renameSync(`${path}.away`, path);
  expect(lookup()).toMatch(/^tracked-user:in\+0x/);
});
