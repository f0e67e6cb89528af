/** The frame of `npm run toolchain`: what is missing is named, what is done is not done again. */
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { TARGETS } from '../harness/build';
import { scenario } from '../harness/scenario';
import { outputOf, runProgram, startProgram } from '../harness/programs.cjs';
import { makeFifo } from '../harness/fifo';
import { inTime } from '../harness/wait.cjs';

const COMMAND = join(TARGETS, '../scripts/toolchain.mjs');

const CONFIGURE = `#!/bin/sh
echo configured >> "$TRACE"
echo "source = $(dirname "$0")" > Makefile
cat >> Makefile <<'END'
all: small
small: one.o two.o
	cat one.o two.o > small && chmod +x small
%.o: $(source)/%.c
	echo $@ >> "$(TRACE)"
	if [ -p "$(GATE)" ]; then echo waiting > "$(GATE)"; cat "$(GATE).hold"; fi
	cp $< $@
END
`;
/** Changes one of the two files, and adds a third. */
const patch = (word: string): string => `What it is for.
---
--- a/two.c
+++ b/two.c
@@ -1 +1 @@
-echo two
+echo ${word}
--- /dev/null
+++ b/sub/new.c
@@ -0,0 +1 @@
+new
`;

/** A source archive, a series of one patch, and the way to build it. */
function small(room: string): {
  env: NodeJS.ProcessEnv;
  args: (...packages: string[]) => string[];
  run: (...packages: string[]) => { status: number | null; stdout: string; stderr: string };
  /** What configure and make have done since the last time. */
  traced: () => string[];
  says: () => string;
} {
  const source = join(room, 'src/small-1.0');
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'configure'), CONFIGURE, { mode: 0o755 });
  writeFileSync(join(source, 'one.c'), '#!/bin/sh\necho one\n');
  writeFileSync(join(source, 'two.c'), 'echo two\n');
  outputOf('tar', ['-cJf', 'small-1.0.tar.xz', 'small-1.0'], { cwd: join(room, 'src') });
  rmSync(source, { recursive: true });
  mkdirSync(join(room, 'patches/small'), { recursive: true });
  writeFileSync(join(room, 'patches/small/series'), '# in this order\nfirst.patch\n');
  writeFileSync(join(room, 'patches/small/first.patch'), patch('patched'));
  const trace = join(room, 'trace');
  const env = { ...process.env, TRACE: trace, GATE: join(room, 'gate') };
  const args = (...packages: string[]): string[] => [
    join(TARGETS, 'toolchain/build-small.mjs'),
    room,
    ...packages,
  ];
  return {
    env,
    args,
    run: (...packages) =>
      runProgram(process.execPath, args(...packages), { encoding: 'utf8', env }),
    traced: () => {
      const lines = existsSync(trace) ? readFileSync(trace, 'utf8').trim().split('\n') : [];
      rmSync(trace, { force: true });
      return lines.sort();
    },
    says: () => outputOf(join(room, 'prefix/bin/small'), { encoding: 'utf8' }),
  };
}

scenario(
  'done once, a tool is not built again; a changed patch rebuilds what it must',
  async (s) => {
    const tool = small(s.room);
    expect(tool.run('make')).toMatchObject({ status: 0, stdout: 'built\n', stderr: '' });
    expect(tool.traced()).toEqual(['configured', 'one.o', 'two.o']);
    expect(tool.says()).toBe('one\npatched\n');
    const added = join(s.room, 'build/small/source/sub/new.c');
    expect(readFileSync(added, 'utf8')).toBe('new\n');

    expect(tool.run('make')).toMatchObject({ status: 0, stdout: 'nothing to do\n' });
    expect(tool.traced()).toEqual([]);

    writeFileSync(join(s.room, 'patches/small/first.patch'), patch('again'));
    expect(tool.run('make')).toMatchObject({ status: 0, stdout: 'built\n' });
    expect(tool.traced()).toEqual(['two.o']);
    expect(tool.says()).toBe('one\nagain\n');

    writeFileSync(join(s.room, 'patches/small/series'), '');
    expect(tool.run('make')).toMatchObject({ status: 0, stdout: 'built\n' });
    expect(tool.traced()).toEqual(['two.o']);
    expect(tool.says()).toBe('one\ntwo\n');
    expect(existsSync(added)).toBe(false);

    rmSync(join(s.room, 'prefix'), { recursive: true });
    expect(tool.run('make')).toMatchObject({ status: 0, stdout: 'built\n' });
    expect(tool.traced()).toEqual([]);
    expect(tool.says()).toBe('one\ntwo\n');
  },
);

scenario('a build that was killed goes on', async (s) => {
  const tool = small(s.room);
  const gate = join(s.room, 'gate');
  // Two compilations wait: neither may read what the other says, so nobody ever writes to the
  // second.
  for (const path of [gate, `${gate}.hold`]) makeFifo(path);
  const child = startProgram(process.execPath, tool.args('make'), {
    env: tool.env,
    detached: true,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  // Opened once a compilation stands there.
  expect(readFileSync(gate, 'utf8')).toMatch(/waiting/);
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await inTime('the end of the build that was killed', ended);
  rmSync(gate);
  const before = tool.traced();
  expect(before).toContain('configured');
  expect(existsSync(join(s.room, 'prefix/bin/small'))).toBe(false);

  expect(tool.run('make')).toMatchObject({ status: 0, stdout: 'built\n' });
  expect(tool.traced()).not.toContain('configured');
  expect(tool.says()).toBe('one\npatched\n');
});

scenario('what is missing or does not fit is named, and nothing is built', async (s) => {
  const tool = small(s.room);
  expect(tool.run('make', 'ulp-no-such-package')).toMatchObject({
    status: 2,
    stdout: '',
    stderr:
      'small: Debian package missing: ulp-no-such-package; as root: apt-get install ulp-no-such-package\n',
  });
  expect(existsSync(join(s.room, 'build'))).toBe(false);
  appendFileSync(join(s.room, 'patches/small/series'), 'second.patch\n');
  writeFileSync(join(s.room, 'patches/small/second.patch'), patch('twice'));
  const refused = tool.run('make');
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toMatch(/^small: second\.patch does not apply to this source:/);
  expect(tool.traced()).toEqual([]);
  outputOf('mv', ['small-1.0.tar.xz', 'small-1.1.tar.xz'], { cwd: join(s.room, 'src') });
  expect(tool.run('make').stderr).toMatch(
    /^small: .*\/src: expected the source of version 1\.0, found small-1\.1\.tar\.xz\n$/,
  );
});

test('wrong usage', () => {
  const run = (...args: string[]): ReturnType<typeof runProgram> =>
    runProgram(process.execPath, [COMMAND, ...args], { encoding: 'utf8' });
  expect(run('as')).toMatchObject({ status: 2, stdout: '' });
  expect(run('as').stderr).toMatch(/^toolchain: as: no such tool; expected ld/);
  expect(run()).toMatchObject({ status: 2, stdout: '' });
  expect(run('--help')).toMatchObject({ status: 0, stderr: '' });
});
