/** Processes that are gone, not ours, of another kind, or that lie. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pid } from '@ulp/core';
import { openProcess } from '@ulp/ptrace-ffi';
import { seize } from '@ulp/ptrace-ffi/borrowing';
import { tid } from '@ulp/core';
import { cleanUp, codeOf, compile, scratch, start } from './target';
import { asRoot } from '../../../test-targets/harness/as-root';
import { outputOf, runProgram, startProgram } from '../../../test-targets/harness/programs.cjs';
import { HANG_MS, stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

const NOBODY = 65534;
/** What needs a second user cannot be tried without being root. */

afterAll(cleanUp);

/** Runs a line of JavaScript as another user, with `ulp` for this package; gives what it prints. */
function asNobody(code: string): string {
  const [module, borrowing] = ['', '/borrowing'].map((part) =>
    JSON.stringify(require.resolve(`@ulp/ptrace-ffi${part}`)),
  );
  const script = `const ulp = { ...require(${module}), ...require(${borrowing}) }; try { ${code} } catch (e) { console.log(e.message) }`;
  const { stdout, stderr } = runProgram(process.execPath, ['-e', script], {
    uid: NOBODY,
    gid: NOBODY,
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`.trim();
}

test('no such process', () => {
  expect(() => openProcess(pid(0x7ffffff0))).toThrow('process 2147483632: no such process');
  expect(codeOf(() => seize(tid(0x7ffffff0)))).toBe('process-missing');
});

test('a zombie', async () => {
  // The child ends; its parent, a shell that became sleep, never waits for it.
  const parent = await start('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 600']);
  const zombie = pid(Number(parent.ready));
  const state = () => stateOf(zombie);
  await waitFor('a zombie', state, (letter) => letter === 'Z', { pid: zombie });
  expect(() => openProcess(zombie)).toThrow(`process ${zombie}: it has ended: found a zombie`);
  await parent.killed();
});

test('a kernel thread', () => {
  const list = outputOf('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const kernel = /^ *(\d+) +2$/m.exec(list)?.[1];
  if (kernel === undefined) {
    console.warn('skipped: no kernel thread is visible in this pid namespace');
    return;
  }
  expect(codeOf(() => openProcess(pid(Number(kernel))))).toBe('process-unsupported');
});

test('a 32-bit process', async () => {
  // mov $29,%eax (pause); int $0x80; jmp back
  const code = Buffer.from('b81d000000cd80ebf7', 'hex');
  const base = 0x08048000;
  const header = Buffer.alloc(84);
  header.write('\x7fELF\x01\x01\x01', 'latin1');
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(3, 18);
  [1, base + 84, 52].forEach((v, i) => header.writeUInt32LE(v, 20 + i * 4));
  header.writeUInt16LE(52, 40);
  header.writeUInt16LE(32, 42);
  header.writeUInt16LE(1, 44);
  [1, 0, base, base, 84 + code.length, 84 + code.length, 5, 4096].forEach((v, i) =>
    header.writeUInt32LE(v, 52 + i * 4),
  );
  const file = join(scratch, 'i386');
  writeFileSync(file, Buffer.concat([header, code]));
  chmodSync(file, 0o755);
  const child = startProgram(file, { stdio: 'ignore' });
  const failed = await new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve);
    child.once('spawn', () => resolve(undefined));
  });
  if (failed) {
    console.warn(`skipped: this kernel runs no 32-bit programs: ${failed.message}`);
    return;
  }
  try {
    expect(() => openProcess(pid(child.pid ?? 0))).toThrow(
      'a process of this kind cannot be patched: expected a 64-bit process, found a 32-bit process',
    );
  } finally {
    child.kill('SIGKILL');
  }
});

describe('no permission', () => {
  asRoot(test)('another user', async () => {
    const target = await start(compile('other-user'));
    const denied = `process ${target.pid}: permission denied: expected uid ${NOBODY}, found uid 0 (run as that user or as root)`;
    expect(asNobody(`ulp.openProcess(${target.pid})`)).toBe(denied);
    expect(asNobody(`ulp.seize(${target.pid})`)).toBe(denied);
    expect(asNobody(`ulp.lockProcess(${target.pid}, 0)`)).toBe(denied);
    await target.killed();
  });

  asRoot(test)('the same user, but not dumpable', async () => {
    const target = await start(compile('other-user'), [`${NOBODY}`, 'hidden']);
    expect(asNobody(`ulp.openProcess(${target.pid})`)).toContain('not dumpable');
    await target.killed();
  });

  asRoot(test)('the same user, and nothing against it', async () => {
    const target = await start(compile('other-user'), [`${NOBODY}`]);
    expect(asNobody(`console.log(ulp.openProcess(${target.pid}).images().length > 2)`)).toBe(
      'true',
    );
    await target.killed();
  });
});

test('traced by somebody else: seizing says by whom, reading works', async () => {
  const target = await start(compile('echo'));
  const module = JSON.stringify(require.resolve('@ulp/ptrace-ffi/borrowing'));
  const tracer = await start(process.execPath, [
    '-e',
    `require(${module}).seize(${target.pid}); console.log('ready'); setInterval(() => 0, 1000)`,
  ]);
  expect(() => seize(tid(target.pid))).toThrow(
    `process ${target.pid}: another process traces it: found tracer ${tracer.pid}`,
  );
  expect(openProcess(target.pid).images().length).toBeGreaterThan(2);
  await tracer.killed();
  const ours = seize(tid(target.pid));
  ours.interrupt();
  expect(ours.waitForStop(HANG_MS)).toEqual({ kind: 'interrupted' });
  ours.detach();
  expect(await target.ask('alive?')).toMatch(/^1 /);
  await target.killed();
});

test.each(['loop', 'nowhere', 'non-canonical', 'endless-name'])(
  'a link map that lies: %s',
  async (how) => {
    const target = await start(compile('hostile-link-map'), [how]);
    const process = openProcess(target.pid);
    expect(codeOf(() => process.linkMap())).toBe('process-hostile');
    // The kernel's account is not touched by it.
    expect(process.images().map((i) => i.path)).toContainEqual(
      expect.stringMatching(/libc\.so\.6$/),
    );
    process.close();
    await target.killed();
  },
);
