/**
 * A process that executes another program just before a step of a tool, one step after the other:
 * the tool notices, and that program is left as it is, whatever lies in it where the first one had
 * something else.
 */
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NOBODY } from '../../../test-targets/harness/tools';
import { heldThreads } from '../../../test-targets/harness/hostile';
import { asRoot, buildLibrary, patchOf, scenario, source, type Scenario } from './setting';
import { runProgram } from '../../../test-targets/harness/programs.cjs';
import { TEST_MS } from '../../../test-targets/harness/wait.cjs';

/**
 * How many requests and writes, and how many reads are moments, evenly spread; all of them with
 * ULP_TEST_MOMENTS=all. How often a tool reads while it waits differs much between machines.
 */
const MOMENTS = process.env.ULP_TEST_MOMENTS === 'all' ? Infinity : 12;
jest.setTimeout(2 * TEST_MS);

interface Way {
  /** Runs the first program. */
  readonly runner?: readonly string[];
  /**
   * A process that shares the first program's memory keeps that alive: there, the tool may go on
   * with its request.
   */
  readonly isKept?: boolean;
  readonly isSetUserId?: boolean;
  readonly uid?: number;
}

interface Ending {
  readonly steps: number;
  readonly end: string;
  readonly changed: readonly string[];
}

const NO_ASLR = ['setarch', '-R'];
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

function letExecute(pid: number, patch: string, uid: number | undefined, moment: string[]): Ending {
  const { stdout, stderr } = runProgram(
    process.execPath,
    [join(__dirname, 'exec-tool.mjs'), String(pid), patch, ...moment],
    { encoding: 'utf8', ...(uid === undefined ? {} : { uid, gid: uid }) },
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Ending;
}

/**
 * What is said of a program that is gone, and of one that has just begun: not that its helper is
 * held up.
 */
const KNOWN = /^(done$|process-missing: |process-denied: |runtime-|library-)/;

/** More steps than a tool has. */
const NEVER = 100_000;

async function everywhere(s: Scenario, way: Way): Promise<void> {
  const { runner = [], isKept = false, isSetUserId = false, uid } = way;
  chmodSync(s.room, 0o755);
  const library = buildLibrary(s);
  const patch = patchOf(s, library, 'fix', 1000);
  const program = s.program(source('exec-at-signal.c'), [library]);
  const other = `${program}-other`;
  copyFileSync(program, other);
  if (isSetUserId) chmodSync(other, 0o4755);
  const [command = '', ...args] = [...runner, program, other, ...(isKept ? ['keep'] : [])];
  const noticed = { steps: 0, reads: 0 };
  for (const [kind, extra] of [
    ['steps', []],
    ['reads', ['read']],
  ] as const) {
    /** @returns how many steps or reads the tool had */
    const executeAt = async (moment: number): Promise<number> => {
      const target = await s.start(command, { args });
      const ending = letExecute(target.pid, patch, uid, [String(moment), ...extra]);
      // It came to its end before.
      if (ending.steps < moment) process.kill(target.pid, 'SIGUSR1');
      // The other program lives, whole and with its rights, and nobody has it.
      expect(await target.line()).toBe('ready');
      expect({ moment, ...ending }).toMatchObject({
        end: expect.stringMatching(KNOWN) as string,
        changed: isKept && ending.changed.length > 0 ? ['write'] : [],
      });
      if (!ending.end.startsWith('done')) noticed[kind]++;
      expect(await target.ask('answer')).toBe('2');
      expect(heldThreads(target.pid)).toEqual([]);
      expect(target.maps()).not.toContain('fix.so');
      if (isSetUserId)
        expect(readFileSync(`/proc/${target.pid}/status`, 'utf8')).toMatch(/^Uid:\t\d+\t0\t0\t0$/m);
      expect(await target.end()).toBe(0);
      return ending.steps;
    };
    // Of a tool that is not disturbed; another one may have fewer, and that moment is not reached.
    const steps = await executeAt(NEVER);
    const stride = Math.max(1, Math.floor(steps / MOMENTS));
    for (let moment = 1; moment <= steps; moment += stride) await executeAt(moment);
  }
  expect(noticed.steps).toBeGreaterThan(3);
  expect(noticed.reads).toBeGreaterThan(3);
}

scenario('the same one at the same addresses', (s) => everywhere(s, { runner: NO_ASLR }));

scenario('the same, while the memory of the first one lives on', (s) =>
  everywhere(s, { runner: NO_ASLR, isKept: true }),
);

asRoot(scenario)('a set-user-id one, before a tool of root', (s) =>
  everywhere(s, { runner: AS_NOBODY, isSetUserId: true }),
);

asRoot(scenario)('a set-user-id one, before a tool of its user', (s) =>
  everywhere(s, { runner: AS_NOBODY, isSetUserId: true, uid: NOBODY }),
);
