/**
 * A process that executes another program between our look at its memory and the stop: the new one
 * is left as it is.
 */
import { join } from 'node:path';
import { abi, tid as asTid, type RemoteAddress } from '@ulp/core';
import { now, openProcess } from '@ulp/ptrace-ffi';
import { seize, tracerOf } from '@ulp/ptrace-ffi/borrowing';
import { cleanUp, compileProgram, start } from '../../../test-targets/harness/compiled';
import { Session } from '../src/borrow/session';
import { Stops } from '../src/borrow/stops';
import { Choice } from '../src/choose/choice';
import { SafePoint } from '../src/choose/safe-point';
import { launchHelper } from '../src/helper/launch';
import { stateOf, waitSync } from '../../../test-targets/harness/wait.cjs';
import { startAsked } from '../../../test-targets/harness/asked.cjs';

afterAll(cleanUp);

test('the old memory lives on in a child, the thread is in another program: it is not sent anywhere', async () => {
  const program = compileHere('exec-under');
  // Without randomization, the old and the new program's stacks lie at the same addresses.
  const target = await start('setarch', ['-R', program]);
  const process = openProcess(target.pid, { writable: true });
  // At the same address both have the same bytes: that of an ELF file's begin.
  const request = process.maps()[0]?.start ?? 0n;
  expect(process.memory.tryRead(request as RemoteAddress, 8)).toBeDefined();
  target.child.stdin.write('x\n');
  expect(await target.ask('cat answers')).toBe('cat answers');
  const safePoint = new SafePoint(process);
  const session = new Session();
  const means = { choice: new Choice(process, [], safePoint, session.stops), session };
  const isLaunched = launchHelper(process, { ...control, request }, 0x102n, means, now() + 300);
  expect(await isLaunched).toBe(false);
  safePoint.close();
  expect(await target.ask('cat still answers')).toBe('cat still answers');
  process.close();
  await target.killed();
});

/**
 * A tracer of the second of these threads keeps it from being gone, and the exec waits for that.
 */
const HOLDER = `
  require('@ulp/ptrace-ffi/borrowing').seize(Number(process.argv[1]));
  console.log('held');
  setInterval(() => undefined, 1e6);
`;

test('the thread executes a program while we wait for its stop: it goes on as the first thread', async () => {
  const target = await start(compileHere('exec-stalled'));
  const { pid } = target;
  const executes = asTid(Number(await target.line()));
  const process = openProcess(pid, { writable: true });
  const args = ['-e', HOLDER, await target.line()];
  const holder = await startAsked(global.process.execPath, { args, ready: 'held' });
  // From here on without a pause for this program's other work: Node.js waits for its children, and
  // would take the stop for itself.
  const stops = new Stops();
  const tracee = seize(executes);
  target.child.stdin.write('x');
  // The first thread has been ended by the exec, which now waits for the other one.
  waitSync(
    'a first thread that has ended',
    () => stateOf(pid),
    (s) => s === 'Z',
    { pid },
  );
  tracee.interrupt();
  expect(stops.awaitStop(tracee)).toBe(false);
  holder.kill();
  // The thread that we trace has the id of the first one, and stands.
  waitSync(
    'a thread that stands',
    () => stateOf(pid),
    (s) => s === 't',
    { pid },
  );
  stops.releaseLate(process);
  expect(await target.ask('cat answers')).toBe('cat answers');
  expect(tracerOf(asTid(pid))).toBe(0);
  process.close();
  await target.killed();
});

/** Of a process that has no libpulp.so. */
const control = {
  ...abi.ulp_control.get(new DataView(new ArrayBuffer(abi.ulp_control.size)), 0),
  gadget: 0x1000n,
  gadget_end: 0x1040n,
};

const compileHere = (name: string): string =>
  compileProgram(join(__dirname, 'programs', `${name}.c`));
