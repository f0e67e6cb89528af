import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { abi } from '@ulp/core';
import { cflags, ldflags, RUNTIME_FILES, runtimePath, toolchainPrefix } from '../src';
import { outputOf, runProgram } from '../../test-targets/harness/programs.cjs';

const BIN = join(__dirname, '../../node_modules/.bin/ulp-runtime');
const run = (...args: string[]): ReturnType<typeof runProgram> =>
  runProgram(BIN, args, { encoding: 'utf8' });
/** The compiled package: this test's own copy of the source lies in another folder. */
const built = (file: string): string => join(__dirname, '../dist', file);

test('prints where the files lie, and the flags', () => {
  for (const file of RUNTIME_FILES) {
    const { status, stdout } = run('path', file);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${built(file)}\n` });
    expect(statSync(built(file)).isFile()).toBe(true);
  }
  expect(run('cflags').stdout).toBe(`${cflags.join(' ')}\n`);
  expect(run('ldflags').stdout).toBe(`${built('trm.o')} -Wl,--build-id\n`);
});

test('knows where the toolchain lies, and says how it is built', () => {
  const room = mkdtempSync(join(tmpdir(), 'ulp-toolchain-'));
  const env = { ...process.env, ULP_TOOLCHAIN: room };
  const flags = (): ReturnType<typeof runProgram> =>
    runProgram(BIN, ['ldflags', '--toolchain'], { encoding: 'utf8', env });
  expect(flags()).toMatchObject({ status: 2, stdout: '' });
  expect(flags().stderr).toBe(
    `ulp-runtime: ${room}/bin/ld: no such file (built by: npm run toolchain -- ld)\n`,
  );
  mkdirSync(join(room, 'bin'));
  writeFileSync(join(room, 'bin/ld'), '');
  expect(flags().stdout).toBe(`${built('trm.o')} -Wl,--build-id -B${room}/bin/\n`);
  rmSync(room, { recursive: true });
  expect(toolchainPrefix({ ULP_TOOLCHAIN: '/opt/ulp/' })).toBe('/opt/ulp');
  expect(toolchainPrefix({ XDG_DATA_HOME: '/data' })).toBe('/data/ulp/toolchain');
  expect(toolchainPrefix({})).toBe(join(homedir(), '.local/share/ulp/toolchain'));
});

test('knows where the compilers and the plugin lie, and says how they are built', () => {
  const room = mkdtempSync(join(tmpdir(), 'ulp-toolchain-'));
  const env = { ...process.env, ULP_TOOLCHAIN: room };
  const flags = (...args: string[]): ReturnType<typeof runProgram> =>
    runProgram(BIN, args, { encoding: 'utf8', env });
  const specs = `${room}/gcc/live-patchable.specs`;
  const plugin = `${room}/plugin/ulp_plugin.so`;
  for (const [option, tool, file] of [
    ['--toolchain', 'gcc', specs],
    ['--plugin', 'plugin', plugin],
  ] as const) {
    const { status, stdout, stderr } = flags('cflags', option);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const reason = `${file}: no such file (built by: npm run toolchain -- ${tool})`;
    expect(stderr).toBe(`ulp-runtime: ${reason}\n`);
    mkdirSync(dirname(file));
    writeFileSync(file, '');
  }
  const compilers = `-B${room}/gcc/ -specs=${specs}`;
  expect(flags('cflags', '--toolchain').stdout).toBe(`${compilers} -mlive-patchable\n`);
  expect(flags('cflags', '--plugin').stdout).toBe(`-fplugin=${plugin} ${cflags.join(' ')}\n`);
  mkdirSync(join(room, 'bin'));
  writeFileSync(join(room, 'bin/ld'), '');
  // No compilers: in one command with the flags of the plugin, gcc would run another cc1.
  expect(flags('ldflags', '--toolchain').stdout).toBe(
    `${built('trm.o')} -Wl,--build-id -B${room}/bin/\n`,
  );
  rmSync(room, { recursive: true });
});

test.each([
  [[], /WHAT: missing/],
  [['path'], /FILE: wrong usage: expected libpulp\.so or trm\.o, found nothing/],
  [['path', 'libc.so'], /found 'libc\.so'/],
  [['cflags', 'libpulp.so'], /one argument too many/],
  [['flags'], /expected path or cflags or ldflags/],
  [['path', 'trm.o', '--toolchain'], /--toolchain: not with path/],
  [['ldflags', '--plugin'], /--plugin: not with ldflags/],
  [['cflags', '--plugin', '--toolchain'], /--plugin: not with --toolchain/],
] as const)('wrong usage %j', (args, reason) => {
  const { status, stdout, stderr } = run(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(reason);
});

test('a package that was not built says so', () => {
  // Beside the source there are no binaries.
  expect(() => runtimePath('libpulp.so')).toThrow(/no such file \(the package is not built\)/);
  expect(ldflags).toThrow(/not built/);
});

test('libpulp.so exports what trm.o needs, what it interposes, and nothing else', () => {
  const text = outputOf('nm', ['-D', '--defined-only', built('libpulp.so')], {
    encoding: 'utf8',
  });
  const names = text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').at(-1))
    .sort();
  expect(names).toEqual(
    [
      ...['entry_unwind', 'global', 'library_begins', 'library_ends', 'special'].map(
        (name) => `__ulp_${name}_abi${abi.ABI_VERSION}`,
      ),
      ...['__longjmp_chk', '_longjmp', 'longjmp', 'siglongjmp', 'swapcontext', '_Unwind_Find_FDE'],
    ].sort(),
  );
});

test('a program that is started with libpulp.so sees neither a thread nor a descriptor more', () => {
  const { stdout, status } = runProgram('sh', ['-c', 'ls /proc/self/task /proc/self/fd | wc -l'], {
    encoding: 'utf8',
    env: { ...process.env, LD_PRELOAD: built('libpulp.so') },
  });
  const bare = runProgram('sh', ['-c', 'ls /proc/self/task /proc/self/fd | wc -l'], {
    encoding: 'utf8',
  });
  expect({ stdout, status }).toEqual({ stdout: bare.stdout, status: 0 });
});
