/** A process has much thread-local storage: its helper has the stack that is promised. */
import { readFileSync } from 'node:fs';
import { scenario, type Scenario } from '../harness/scenario';
import type { Target } from '../harness/target';

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZES = [
  ['64 KiB', 64 * KIB],
  // The bounds of what the helper's stack once was with its static TLS.
  ['900 KiB', 900 * KIB],
  ['1 MiB', MIB],
  ['4 MiB', 4 * MIB],
  ['64 MiB', 64 * MIB],
] as const;
const SMALL = 64;

const define = (bytes: number): string => `-DTLS_BYTES=${bytes}UL`;

const build = (s: Scenario, bytes: number, ...libraries: string[]) => {
  const library = s.library('tls/library.c', 'libtls.so');
  return {
    program: s.program(
      'tls/program.c',
      [library, ...libraries],
      [define(bytes), '-Wl,--no-as-needed'],
    ),
    patch: (size: number) =>
      s.patch('tls/patch.c', 'fix', [[library, ['tls_value:new_tls_value']]], {
        args: [define(size)],
      }),
  };
};

const block = (s: Scenario, bytes: number): string =>
  s.library('tls/block.c', 'libblock.so', { plain: true, args: [define(bytes)] });

async function expectPatchable(s: Scenario, target: Target, patch: string): Promise<void> {
  expect(await target.ask('value')).toBe('1');
  s.apply(target, patch);
  expect(await target.ask('value')).toBe('2');
  expect(await target.ask('thread')).toBe('ok');
  s.revert(target, patch);
  expect(await target.ask('value')).toBe('1');
  expect(await target.ask('thread')).toBe('ok');
  expect(target.maps()).not.toContain('fix.so');
}

const kib = (target: Target, field: string): number =>
  Number(
    new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(
      readFileSync(`/proc/${target.pid}/status`, 'latin1'),
    )?.[1],
  );

for (const [name, bytes] of SIZES) {
  scenario(`${name} in the program`, async (s) => {
    const { program, patch } = build(s, bytes);
    const target = await s.start(program);
    // Its dormant helper holds no copy of zeros.
    const alone = await s.start(program, { bare: true });
    expect(kib(target, 'VmRSS') - kib(alone, 'VmRSS')).toBeLessThan(2048);
    await expectPatchable(s, target, patch(SMALL));
  });

  scenario(`${name} in a library`, async (s) => {
    const { program, patch } = build(s, SMALL, block(s, bytes));
    await expectPatchable(s, await s.start(program), patch(SMALL));
  });

  scenario(`${name} in a library that comes by dlopen, and in the patch`, async (s) => {
    const { program, patch } = build(s, SMALL);
    const fix = patch(bytes);
    const target = await s.start(program);
    await expectPatchable(s, target, fix);
    expect(await target.ask(`open ${block(s, bytes)}`)).toBe('1');
    await expectPatchable(s, target, fix);
  });
}
