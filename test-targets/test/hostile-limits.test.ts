/**
 * Commands at their own limits: a description as long as is read, few files that may be open, a
 * /proc that hides processes.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../harness/as-root';
import { Hostile } from '../harness/hostile';
import { scenario } from '../harness/scenario';
import { BIN, NOBODY } from '../harness/tools';
import { runProgram } from '../harness/programs.cjs';

const DESCRIPTION_BYTES = 16 << 20;
const fill = (line: string): string => line.repeat(DESCRIPTION_BYTES / line.length - 1000);

scenario('16 MB of short lines are described in bounded memory', (s) => {
  const hostile = new Hostile(s);
  const head = `${join(s.room, 'fix.so')}\n@${hostile.library}\n`;
  const description = join(s.room, 'long.dsc');
  const out = ['-o', join(s.room, 'long.ulp')];
  for (const [content, status, stderr] of [
    [head + fill('a:b\n'), 2, /:4099:1: cannot be packed: expected at most 4096 functions/],
    [head + fill('@/a\na:b\n'), 2, /:129:2: cannot be packed: expected at most 64 targets/],
    [fill('!\n') + head, 2, /:8387610:2: syntax error: expected at least one OLD:NEW/],
    [fill('\n') + head + 'answer:new_answer\n', 0, /^$/],
  ] as const) {
    writeFileSync(description, content);
    const outcome = hostile.run('ulp-packer', [description, ...out], undefined, [0, 2]);
    expect(outcome).toMatchObject({ status, stderr: expect.stringMatching(stderr) as string });
  }
  return Promise.resolve();
});

/** As some shell would start it. */
const under = (line: readonly string[], tool: string, ...args: string[]) => {
  const [program = '', ...more] = line;
  const { status, signal, stderr } = runProgram(program, [...more, join(BIN, tool), ...args], {
    encoding: 'utf8',
  });
  return { line: [...line, tool, ...args].join(' '), status, signal, stderr };
};

scenario('few files may be open: the limit is named, and is no defect', async (s) => {
  const { library, patch } = new Hostile(s);
  const target = await s.start(s.program('simple/program.c', [library]));
  const id = String(target.pid);
  let limited = 0;
  // Node.js itself does not start with fewer.
  for (const files of [20, 22, 24, 28])
    for (const [tool, ...args] of [
      ['ulp-check', id, patch, '--threads'],
      ['ulp-trigger', id, patch],
      ['ulp-inspect', id],
      ['ulp-dispatcher', 'revert', patch],
    ] as const) {
      const outcome = under(['prlimit', `--nofile=${files}`], tool, ...args);
      if (outcome.stderr.includes('EMFILE')) limited++;
      const known = [0, 1, 2].includes(outcome.status ?? -1);
      expect({ ...outcome, known }).toMatchObject({ signal: null, known: true });
      if (outcome.status === 2) expect(outcome.stderr).toMatch(/: found EMFILE \(/);
    }
  expect(limited).toBeGreaterThan(0);
  expect(await target.ask('answer')).toBe('2');
});

asRoot(scenario)('/proc hides the processes of others', async (s) => {
  const { library, patch } = new Hostile(s);
  chmodSync(s.room, 0o755);
  const target = await s.start(s.program('simple/program.c', [library]));
  const id = String(target.pid);
  for (const [hidepid, fact] of [
    [1, /process \d+: permission denied \(it is hidden from us \(hidepid of \/proc\)/],
    [2, /process \d+: no such process$/m],
  ] as const) {
    const mount = `mount --make-rprivate / && mount -t proc -o hidepid=${hidepid} proc /proc`;
    const nobody = `exec setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups "$@"`;
    const line = ['unshare', '-m', 'sh', '-c', `${mount} && ${nobody}`, 'sh'];
    for (const [tool, ...args] of [
      ['ulp-check', id, patch],
      ['ulp-trigger', id, patch],
      ['ulp-inspect', id],
    ] as const)
      expect(under(line, tool, ...args)).toMatchObject({
        status: 4,
        stderr: expect.stringMatching(fact) as string,
      });
    expect(under(line, 'ulp-inspect')).toMatchObject({ status: 0 });
    expect(under(line, 'ulp-dispatcher', 'check', patch)).toMatchObject({ status: 0 });
  }
});
