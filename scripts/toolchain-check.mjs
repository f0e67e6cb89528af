#!/usr/bin/env node
/**
 * Checks the patched gcc that `npm run toolchain -- gcc` has installed: the tests of gcc that came
 * with the series, and the suite's test of entries, records and live patches, with LTO as well.
 * Prints a result with its date and commit, for docs/toolchain.md. Needs the Debian package
 * dejagnu.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';
import { requirePackages } from './toolchain/packages.mjs';

const output = (command, ...args) =>
  execFileSync(command, args, { encoding: 'utf8', cwd: root }).trim();

/** @param {'gcc' | 'g++'} tool whose tests of the series are run */
function gccTests(tool) {
  const folder = join(root, 'build/toolchain/gcc');
  const room = join(folder, 'check');
  mkdirSync(room, { recursive: true });
  const flags = output(join(root, 'node_modules/.bin/ulp-runtime'), 'cflags', '--toolchain');
  const settings = {
    rootme: join(folder, 'build/gcc'),
    srcdir: join(process.env.ULP_GCC_SOURCE ?? join(folder, 'source'), 'gcc/testsuite'),
    tmpdir: room,
    host_triplet: 'x86_64-pc-linux-gnu',
    build_triplet: 'x86_64-pc-linux-gnu',
    target_triplet: 'x86_64-pc-linux-gnu',
    target_alias: 'x86_64-linux-gnu',
    [tool === 'gcc' ? 'GCC_UNDER_TEST' : 'GXX_UNDER_TEST']:
      `${tool}-12 ${flags.replace(' -mlive-patchable', '')}`,
    CFLAGS: '',
    CXXFLAGS: '',
    HOSTCC: 'gcc-12',
    HOSTCFLAGS: '',
    libiconv: '',
    ENABLE_PLUGIN: '0',
  };
  const lines = Object.entries(settings).map(([name, value]) => `set ${name} "${value}"\n`);
  writeFileSync(join(room, 'site.exp'), lines.join(''));
  spawnSync('runtest', ['--tool', tool, `i386.exp=live-patchable-*`], { cwd: room });
  const summary = readFileSync(join(room, `${tool}.sum`), 'utf8');
  const counts = [...summary.matchAll(/^# of (.*?)\s+(\d+)$/gm)].map(
    ([, what, n]) => `${n} ${what}`,
  );
  const failed =
    /^# of un(expected|resolved)/m.test(summary) || !/^# of expected passes/m.test(summary);
  return { failed, text: counts.join(', ') || 'nothing was run' };
}

function suite() {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/test.mjs'), 'test-targets/test/toolchain-plugin'],
    { encoding: 'utf8', env: { ...process.env, ULP_TEST_COMPILER: 'gcc' }, cwd: root },
  );
  const [tests] = `${stdout}${stderr}`.match(/^Tests:.*$/m) ?? ['nothing was run'];
  return { failed: status !== 0, text: tests };
}

requirePackages('toolchain-check', ['dejagnu', 'gcc-12', 'g++-12']);
const results = {
  'gcc.target/i386/live-patchable-*.c': gccTests('gcc'),
  'g++.target/i386/live-patchable-*.C': gccTests('g++'),
  suite: suite(),
};
const commit = output('git', 'rev-parse', '--short', 'HEAD');
console.log(`${new Date().toISOString().slice(0, 10)}, commit ${commit}`);
for (const [name, { failed, text }] of Object.entries(results))
  console.log(`${failed ? 'FAILED' : 'passed'} ${name}: ${text}`);
if (Object.values(results).some(({ failed }) => failed)) process.exitCode = 1;
