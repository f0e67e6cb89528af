/** A process that executes another program between our look at its memory and the stop: the new one is let alone. */
import { abi } from '@ulp/core';
import { now, openProcess } from '@ulp/ptrace-ffi';
import { cleanUp, compile, start } from '../../ptrace-ffi/test/target';
import { launchHelper } from '../src/borrow';
import { Permits } from '../src/permits';

afterAll(cleanUp);

test('the old memory lives on in a child, the thread is in another program: it is not sent anywhere', async () => {
  const program = compileHere('exec-under');
  // Without randomization, the old and the new program's stacks lie at the same addresses.
  const target = await start('setarch', ['-R', program]);
  const process = openProcess(target.pid, { writable: true });
  expect(process.memory.tryRead(process.maps()[0]?.start ?? (0n as never), 8)).toBeDefined();
  target.child.stdin.write('x\n');
  expect(await target.line('cat answers')).toBe('cat answers');
  const zeros = new DataView(new ArrayBuffer(abi.ulp_control.size));
  const control = { ...abi.ulp_control.get(zeros, 0), gadget: 0x1000n, gadget_end: 0x1040n };
  expect(launchHelper(process, control, 0x102n, new Permits(process, []), now() + 300)).toBe(false);
  expect(await target.line('cat still answers')).toBe('cat still answers');
  process.close();
  await target.kill();
});

const compileHere = (name: string): string => compile(`../../../trigger/test/programs/${name}`);
