/**
 * How much a command reads that shows where threads are: not more than docs/security.md says,
 * whatever the files in a process claim of their symbol tables, and however deep a stack is.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { abi, pid as asPid } from '@ulp/core';
import { Elf64_Ehdr, Elf64_Shdr, SHT } from '@ulp/elf';
import { findRuntime, openProcess } from '@ulp/ptrace-ffi';
import {
  BIN,
  buildLibrary,
  patchOf,
  scenario,
  source,
  type Scenario,
  type Target,
} from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';

const MB = 2 ** 20;
const GB = 2 ** 30;
/** The bounds: of one table, of all tables, of one stack and what is looked up for it. */
const LIMIT = { table: 64 * MB, tables: 256 * MB, stack: MB, lookups: 4096 };
const WORD = 8;
/** What differs from one run to the next, and what is read of each file apart from its tables. */
const SLACK = { bytes: MB / 4, calls: 200 };

interface Counted {
  readonly stdout: string;
  readonly bytes: number;
  readonly calls: number;
}

const COUNTED = join(__dirname, '../../../test-targets/harness/counted.cjs');

function count(tool: string, ...args: readonly string[]): Counted {
  const { status, stdout, stderr, output } = runProgram(
    process.execPath,
    ['--require', COUNTED, join(BIN, tool), ...args],
    { encoding: 'utf8', maxBuffer: 16 * MB, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(output[3] ?? '')?.[1]);
  return { stdout, bytes: field('rchar'), calls: field('syscr') };
}

/** What the second one has read beyond the first one. */
const more = (before: Counted, after: Counted) => ({
  bytes: after.bytes - before.bytes,
  calls: after.calls - before.calls,
});

interface Stack {
  /** What it is full of. */
  readonly word: bigint;
  readonly bytes: number;
}
const FLAT: Stack = { word: 0n, bytes: 4096 };

/**
 * Processes with a thread in the patched library, called by the first of these files, with the
 * others deeper.
 */
function prepare(s: Scenario, links: number) {
  const library = buildLibrary(s);
  const files = Array.from({ length: links }, (_, i) =>
    s.library(source('link.c'), `liblink${i}.so`, { plain: true }),
  );
  const program = s.program(source('deep.c'), [library]);
  const patch = patchOf(s, library, 'fix', 1000);
  const start = async (stack: (target: Target) => Stack = () => FLAT) => {
    const target = await s.start(program, { args: files });
    const { word, bytes } = stack(target);
    expect(await target.ask(`hold ${word} ${bytes}`)).toMatch(/^\d+$/);
    // Stacks are shown of threads that were inside before.
    s.apply(target, patch);
    return {
      pid: target.pid,
      check: () => count('ulp-check', `${target.pid}`, patch, '--threads'),
      inspect: () => count('ulp-inspect', `${target.pid}`),
    };
  };
  return { files, start };
}

interface Claim {
  /** The file is made as long as that; undefined: it stays as it is. */
  readonly size?: number;
  readonly table: (index: number) => { readonly offset: bigint; readonly size: bigint };
}

/**
 * Has a file say where its two symbol tables are, and how long. What it is longer takes no room on
 * the disk.
 */
function lie(file: string, { size, table }: Claim): void {
  const fd = openSync(file, 'r+');
  const read = (size: number, at: number): DataView => {
    const bytes = new Uint8Array(size);
    readSync(fd, bytes, 0, size, at);
    return new DataView(bytes.buffer);
  };
  const { e_shoff, e_shnum } = Elf64_Ehdr.get(read(Elf64_Ehdr.size, 0), 0);
  let tables = 0;
  for (let i = 0; i < e_shnum; i++) {
    const at = Number(e_shoff) + i * Elf64_Shdr.size;
    const section = Elf64_Shdr.get(read(Elf64_Shdr.size, at), 0);
    if (section.sh_type !== SHT.SYMTAB && section.sh_type !== SHT.DYNSYM) continue;
    const { offset: sh_offset, size: sh_size } = table(tables++);
    writeSync(fd, Elf64_Shdr.encode({ ...section, sh_offset, sh_size }), 0, Elf64_Shdr.size, at);
  }
  expect(tables).toBe(2);
  if (size !== undefined) ftruncateSync(fd, size);
  closeSync(fd);
}

/** The first bytes of a file are no table. */
const BEGIN = 2n ** 20n;
/** Two of so many MB each, one behind the other. */
const tables = (megabytes: number): Claim => {
  const size = BigInt(megabytes * MB);
  return {
    size: Number(BEGIN + 2n * size),
    table: (index) => ({ offset: BEGIN + BigInt(index) * size, size }),
  };
};

scenario('symbol tables that are too large are not read', async (s) => {
  const all = (size: number): Claim => ({
    size,
    table: () => ({ offset: 0n, size: BigInt(size) }),
  });
  const claims: readonly Claim[] = [
    all(3 * GB),
    all(1024 * GB),
    tables(LIMIT.table / MB + 1),
    { table: () => ({ offset: 2n ** 62n, size: 2n ** 62n }) },
    { table: () => ({ offset: 8n, size: 2n ** 64n - 1n }) },
  ];
  const { files, start } = prepare(s, claims.length);
  const { check, inspect } = await start();
  const before = [check(), inspect()] as const;
  claims.forEach((claim, i) => lie(files[i] ?? '', claim));
  const after = [check(), inspect()] as const;
  claims.forEach((_, i) => {
    expect(before[0].stdout).toContain(`liblink${i}.so:link_on+0x`);
    expect(after[0].stdout).toContain(`liblink${i}.so+0x`);
  });
  expect(before[1].stdout).toContain('liblink0.so:link_on+0x');
  expect(after[1].stdout).toContain('liblink0.so+0x');
  for (const i of [0, 1] as const)
    expect(more(before[i], after[i]).bytes).toBeLessThan(SLACK.bytes);
});

scenario('symbol tables of many files are read up to a sum', async (s) => {
  const each = 60;
  const { files, start } = prepare(s, 4);
  const { check } = await start();
  const before = check();
  for (const file of files) lie(file, tables(each));
  const { bytes } = more(before, check());
  // So much that one more did not fit in.
  expect(bytes).toBeGreaterThan(LIMIT.tables - each * MB - SLACK.bytes);
  expect(bytes).toBeLessThan(LIMIT.tables + SLACK.bytes);
});

const CUTTING = join(__dirname, '../../../test-targets/harness/cutting.cjs');

scenario('a file that is cut while it is read names nothing', async (s) => {
  const { files, start } = prepare(s, 1);
  const { pid } = await start();
  const file = files[0] ?? '';
  lie(file, tables(1));
  const { status, stdout, stderr } = runProgram(
    process.execPath,
    ['--require', CUTTING, join(BIN, 'ulp-inspect'), `${pid}`],
    {
      encoding: 'utf8',
      env: { ...process.env, ULP_TEST_CUT: `${BEGIN}:${file}` },
    },
  );
  expect(stderr).toMatch(/^cut\n/);
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringContaining('liblink0.so+0x') as string,
  });
});

/** Where a library's code begins: nothing is called right before it. */
const codeOf = (target: Target): bigint =>
  BigInt(`0x${/^(\w+)-\w+ r-xp .*liblink0\.so$/m.exec(target.maps())?.[1] ?? ''}`);

/** One that nobody uses. */
function slotOf({ pid }: Target): bigint {
  const process = openProcess(asPid(pid));
  const { slots } = findRuntime(process).readControl();
  process.close();
  return slots + BigInt(abi.SLOT_STRIDE) * BigInt(abi.SLOT_COUNT - 1);
}

/**
 * What a stack is full of, how deep it is (less than is read at once at most), and whether each
 * word is looked up.
 */
for (const [what, word, depth, isLookedUp] of [
  ['nothing', () => 0n, 12 * MB, false],
  ['code', codeOf, 12 * MB, true],
  ['return slots', slotOf, MB / 2, true],
] as const)
  scenario(`a deep stack, full of ${what}, is read up to a bound`, async (s) => {
    const { start } = prepare(s, 1);
    const flat = await start();
    const deep = await start((target) => ({ word: word(target), bytes: depth }));
    const after = deep.check();
    expect(after.stdout).toContain('there is more than is shown');
    const { bytes, calls } = more(flat.check(), after);
    const read = Math.min(depth, LIMIT.stack);
    expect(bytes).toBeGreaterThan(read - SLACK.bytes);
    expect(bytes).toBeLessThan(read + LIMIT.lookups * WORD + SLACK.bytes);
    expect(calls).toBeLessThan(LIMIT.lookups + SLACK.calls);
    if (isLookedUp) expect(calls).toBeGreaterThan(LIMIT.lookups - SLACK.calls);
  });
