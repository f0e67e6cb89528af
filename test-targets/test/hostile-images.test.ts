/**
 * Programs and libraries whose headers, notes and dynamic sections lie in memory, where the files
 * on disk do not: refused with nothing written, or seen through.
 */
import { Hostile } from '../harness/hostile';
import { scenario, type Scenario } from '../harness/scenario';
import { Target } from '../harness/target';
import { givenLittleTime } from '../harness/little-time';

/**
 * By the way it lies: what the refusal says; 'applied'; or 'its own': what it has done to itself
 * may end it.
 */
type Lies = Readonly<Record<string, RegExp | 'applied' | 'its own'>>;

const SENSELESS = /the memory of the process makes no sense: expected /;
/** What does not fit together may be a process in the middle of execve. */
const EXECUTING = /it executes a program just now/;

async function lie(s: Scenario, whose: string, lies: Lies): Promise<void> {
  const hostile = new Hostile(s);
  const { patch } = hostile;
  const program = hostile.program('images');
  for (const [how, expected] of Object.entries(lies)) {
    const target = await Target.start(program, { args: ['image', whose, how] });
    const pid = String(target.pid);
    try {
      hostile.run('ulp-check', [pid, patch, '--threads']);
      hostile.run('ulp-inspect', [pid, '--json']);
      const refusal = expected === EXECUTING ? 4 : 3;
      expect(hostile.run('ulp-check', [pid, hostile.patchOfNone]).status).toBe(refusal);
      const { status, stderr } = givenLittleTime(
        (ms) => hostile.run('ulp-trigger', [pid, patch, '--timeout', String(ms)]),
        typeof expected === 'string' ? undefined : expected,
      );
      if (expected === 'its own') continue;
      const changes = await target.ask('changes');
      const answer = await target.ask('answer');
      expect({ how, status, stderr, changes, answer }).toEqual(
        expected === 'applied'
          ? { how, status: 0, stderr: '', changes: 'changed', answer: '1001' }
          : {
              how,
              status: refusal,
              stderr: expect.stringMatching(expected) as string,
              changes: 'same',
              answer: '2',
            },
      );
    } finally {
      target.kill();
    }
  }
}

scenario('the library lies', (s) =>
  lie(s, 'libsimple.so', {
    'phoff-nowhere': /target library is not loaded/,
    'phoff-at-the-end': /target library is not loaded/,
    'phnum-most': /target library is not loaded/,
    'phnum-fitting': 'applied',
    'memsz-huge': SENSELESS,
    'memsz-none': SENSELESS,
    'offset-wild': /target library is not loaded/,
    'vaddr-wild': /the build-id differs: .*, found none/,
    'dynamic-nowhere': 'applied',
    'dynamic-tables-loop': 'its own',
    'dynamic-tables-nowhere': 'its own',
    'dynamic-endless': 'its own',
    'notes-huge': /the build-id differs: .*, found none/,
    'notes-unaligned': 'applied',
    'note-name-huge': /the build-id differs: .*, found none/,
    'note-description-huge': /the build-id differs: .*, found none/,
    'note-leads-nowhere': SENSELESS,
    'note-leads-to-itself': SENSELESS,
    'note-leads-astray': SENSELESS,
  }),
);

scenario('libpulp.so lies', (s) =>
  lie(s, 'libpulp.so', {
    'phoff-nowhere': /libpulp\.so is not loaded/,
    'phnum-most': /libpulp\.so is not loaded/,
    'memsz-huge': SENSELESS,
    'memsz-none': SENSELESS,
    'offset-wild': /libpulp\.so is not loaded/,
    'vaddr-wild': /libpulp\.so is not loaded/,
    'dynamic-tables-nowhere': 'its own',
    'dynamic-endless': 'its own',
    'note-name-huge': /libpulp\.so is not loaded/,
    'note-leads-nowhere': SENSELESS,
    'note-leads-to-itself': SENSELESS,
    'note-leads-astray': SENSELESS,
  }),
);

// Their headers matter to names alone: of libraries that are not found by build-id, and of places.
scenario('the program or the loader lies', async (s) => {
  await lie(s, '', {
    'phoff-nowhere': 'applied',
    'memsz-huge': 'applied',
    'vaddr-wild': 'applied',
    'dynamic-nowhere': 'applied',
    'dynamic-tables-loop': 'its own',
    'dynamic-endless': 'its own',
    'note-description-huge': 'applied',
  });
  await lie(s, 'ld-linux', { 'memsz-huge': 'applied', 'dynamic-tables-nowhere': 'its own' });
});

scenario('what /proc/PID/auxv says is altered', async (s) => {
  try {
    await lie(s, '', {
      auxv: 'applied',
      'auxv-thirty-two-bit': /expected a 64-bit process, found a 32-bit process/,
      'auxv-empty': EXECUTING,
    });
  } catch (error) {
    // Kernels without CONFIG_CHECKPOINT_RESTORE.
    if (!String(error).includes('auxv cannot be altered')) throw error;
    console.warn(`skipped: ${String(error)}`);
  }
});
