/** A thread that no signal reaches (state D): it writes to a file system that is frozen. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectPatched } from './no-trace';
import {
  asRoot,
  buildLibrary,
  patchOf,
  runTool,
  scenario,
  source,
  succeed,
  trigger,
} from './setting';
import { needProgram, runProgram } from '../../../test-targets/harness/programs.cjs';
import { stateOf, waitFor } from '../../../test-targets/harness/wait.cjs';

/**
 * A small file system of this test alone. @returns undefined when none can be had, which is printed
 */
function mountIn(room: string): string | undefined {
  const image = join(room, 'image');
  const folder = join(room, 'mounted');
  writeFileSync(image, '');
  truncateSync(image, 8 << 20);
  mkdirSync(folder);
  for (const program of ['mkfs.ext4', 'mount', 'losetup']) needProgram(program);
  const script = 'mkfs.ext4 -q "$0" && mount -o loop "$0" "$1"';
  const { status, stderr } = runProgram('sh', ['-c', script, image, folder]);
  if (status === 0) return folder;
  console.warn(`skipped: no file system on a loop device here: ${stderr.toString()}`);
  return undefined;
}

const run = (command: string, ...args: string[]): void =>
  expect(runProgram(command, args)).toMatchObject({ status: 0 });

asRoot(scenario)(
  'it waits for a file system: given up in time, and it loses nothing',
  async (s) => {
    const folder = mountIn(s.room);
    if (folder === undefined) return;
    try {
      const library = buildLibrary(s);
      const program = s.program(source('uninterruptible.c'), [library]);
      const patch = patchOf(s, library, 'fix', 1000);
      const target = await s.start(program, { args: [join(folder, 'file')] });
      expect(await target.ask('answer')).toBe('2');
      const state = () => stateOf(target.pid);
      run('fsfreeze', '-f', folder);
      try {
        target.tell('answer');
        await waitFor('state D', state, (letter) => letter === 'D', target);
        const before = target.maps();
        const { status, stderr } = trigger(target, patch, '--timeout', '500');
        expect(status).toBe(5);
        expect(stderr).toMatch(/no thread of it could be borrowed in time \(nothing was changed\)/);
        expect(target.maps()).toBe(before);
        expect(succeed('ulp-inspect', target.pid)).toContain('libtrigger-test.so');
        expect(runTool('ulp-check', [target.pid, patch, '--threads'])).toMatchObject({ status: 1 });
        expect(state()).toBe('D');
      } finally {
        run('fsfreeze', '-u', folder);
      }
      expect(await target.line()).toBe('2');
      await expectPatched(target, patch);
      await target.end();
    } finally {
      run('umount', '-l', folder); // of a target that is still there, when something has failed
    }
  },
);
